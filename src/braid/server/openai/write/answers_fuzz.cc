// libFuzzer: for any body that parses, the stream consists of whole events of JSON and joins to the same answer as the
// one in one piece. The input's first byte seeds the model's output, the rest is the body.
#include <map>
#include <random>

#include "braid/base/check.h"
#include "braid/server/openai/write/streams.h"
#include "tests/support/event_stream.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::openai {
namespace {

constexpr int32_t kMostChoices = 4;

const testing::TinyTokenizer& tokenizer() {
  static const testing::TinyTokenizer tiny;
  return tiny;
}

// Deltas that an engine might send for these choices, in random order.
std::vector<std::pair<size_t, Delta>> draw_deltas(const std::vector<PromptResult>& prompts, std::mt19937& random) {
  struct Place {
    size_t prompt;
    int32_t index;
    bool is_over = false;
  };
  std::vector<Place> places;
  for (size_t prompt = 0; prompt < prompts.size(); ++prompt) {
    for (size_t i = 0; i < prompts[prompt].choices.size(); ++i) places.push_back({prompt, static_cast<int32_t>(i)});
  }
  const auto draw = [&](uint32_t count) { return random() % count; };
  std::vector<std::pair<size_t, Delta>> deltas;
  for (size_t num_open = places.size(); num_open > 0;) {
    Place& place = places[draw(static_cast<uint32_t>(places.size()))];
    if (place.is_over) continue;
    Delta delta{.index = place.index};
    const auto token = static_cast<TokenId>(draw(6));
    if (draw(4) != 0) delta.tokens.push_back({token, -0.5F, {{token, -0.5F}, {0, -2.0F}}});
    if (draw(3) != 0) delta.text = std::vector<std::string>{"a", "\xc3\xa9", "\"\n", "<b>"}[draw(4)];
    if (draw(4) == 0) {
      constexpr FinishReason kReasons[] = {FinishReason::kStop, FinishReason::kLength, FinishReason::kAbort};
      delta.finish = kReasons[draw(3)];
      if (delta.finish == FinishReason::kStop && !delta.tokens.empty()) delta.matched_stop = token;
      place.is_over = true;
      --num_open;
    }
    deltas.emplace_back(place.prompt, std::move(delta));
  }
  return deltas;
}

void check_same(AnswerWriter& stream, AnswerWriter& whole, const std::vector<std::pair<size_t, Delta>>& deltas,
                bool is_chat) {
  std::string bytes;
  for (const auto& [prompt, delta] : deltas) {
    bytes += stream.push(prompt, delta);
    CHECK(whole.push(prompt, delta).empty());
  }
  bytes += stream.finish();
  const Json answer = Json::parse(whole.finish());
  std::map<int64_t, std::string> texts;
  std::map<int64_t, std::string> reasons;
  std::map<int64_t, Json> logprobs;
  std::vector<Json> events = braid::testing::events_of(bytes);
  events.pop_back();  // [DONE]
  for (const Json& event : events) {
    CHECK(event["id"] == answer["id"]);
    for (const Json& choice : event["choices"]) {
      const auto index = choice["index"].get<int64_t>();
      CHECK(!reasons.contains(index), "an event behind the last one");
      texts[index] += is_chat ? choice["delta"].value("content", "") : choice["text"].get<std::string>();
      if (!choice["finish_reason"].is_null()) reasons[index] = choice["finish_reason"].get<std::string>();
      if (choice["logprobs"].is_null()) continue;
      const Json& list = choice["logprobs"][is_chat ? "content" : "token_logprobs"];
      for (const Json& entry : list) logprobs[index].push_back(entry);
    }
  }
  for (const Json& choice : answer["choices"]) {
    const auto index = choice["index"].get<int64_t>();
    CHECK(texts[index] == (is_chat ? choice["message"]["content"] : choice["text"]).get<std::string>());
    CHECK(Json(reasons[index]) == choice["finish_reason"]);
    if (choice["logprobs"].is_null()) continue;
    const Json& list = choice["logprobs"][is_chat ? "content" : "token_logprobs"];
    CHECK(list.empty() ? logprobs[index].is_null() : logprobs[index] == list);
  }
}

}  // namespace
}  // namespace braid::openai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid::openai;
  if (size == 0) return 0;
  std::mt19937 random(data[0]);
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  const ProtocolLimits limits{.vocab_size = 6, .max_choices = kMostChoices, .max_prompts = 4};
  const ResponseHead head{.id = "id", .created_s = 1, .model = "m"};
  const auto prompt_of = [](int32_t n) {
    return PromptResult{
        .prompt_ids = {0, 3}, .prompt_text = "a\xc3\xa9", .choices = std::vector<ChoiceResult>(static_cast<size_t>(n))};
  };
  auto completion = parse_completion_request(body, limits);
  if (completion.ok()) {
    const CompletionRequest& request = *completion;
    const std::vector<PromptResult> prompts(request.prompts.size(), prompt_of(request.common.n));
    const auto stream = make_completion_stream(head, request, prompts, tokenizer());
    const auto whole = make_completion_answer(head, request, prompts, tokenizer());
    auto deltas = draw_deltas(prompts, random);
    for (size_t i = 0; request.scores_prompt() && i < prompts.size(); ++i) {  // they come before the choices' tokens
      braid::Delta scores;
      scores.prompt_logprobs = {{3, -1.0F, {}}};
      deltas.insert(deltas.begin(), {i, scores});
    }
    check_same(*stream, *whole, deltas, false);
  }
  auto chat = parse_chat_request(body, limits);
  if (chat.ok()) {
    const ChatRequest& request = *chat;
    const PromptResult prompt = prompt_of(request.common.n);
    const auto stream = make_chat_stream(head, request, prompt, tokenizer(), make_plain_parser);
    const auto whole = make_chat_answer(head, request, prompt, tokenizer(), make_plain_parser);
    check_same(*stream, *whole, draw_deltas({prompt}, random), true);
  }
  return 0;
}
