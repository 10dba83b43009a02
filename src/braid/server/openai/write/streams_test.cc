#include "braid/server/openai/write/streams.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/event_stream.h"
#include "tests/support/server/openai/parsed_requests.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::openai {
namespace {

using braid::testing::events_of;
using testing::completion;
using testing::TinyTokenizer;

ChatRequest chat_with(const std::string& members) {
  return testing::chat(R"({"messages":[{"role":"user","content":"x"}],)" + members + "}");
}

// The deltas of one choice: "a", "é" in two tokens, a stop.
const Delta kDeltas[] = {
    {.text = "a", .tokens = {{TinyTokenizer::kA, -0.5F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "", .tokens = {{TinyTokenizer::kHalf, -1.0F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "\xc3\xa9", .tokens = {{TinyTokenizer::kOtherHalf, -1.5F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "",
     .tokens = {{TinyTokenizer::kStop, -2.0F, {}}},
     .finish = FinishReason::kStop,
     .matched_stop = TokenId{TinyTokenizer::kStop},
     .usage = {.cached_tokens = 1}}};

PromptResult waiting(size_t num_choices) {
  return {.prompt_ids = {0, 1}, .prompt_text = "P", .choices = std::vector<ChoiceResult>(num_choices)};
}

std::vector<Json> stream_of(AnswerWriter& writer, int32_t num_choices, size_t num_prompts = 1) {
  std::string stream;
  for (Delta delta : kDeltas) {
    for (size_t prompt = 0; prompt < num_prompts; ++prompt) {
      for (delta.index = 0; delta.index < num_choices; ++delta.index) stream += writer.push(prompt, delta);
    }
  }
  return events_of(stream + writer.finish());
}

TEST(ChatStream, SendsARoleThenDeltasThenTheFinishReasonThenTheUsageThenDone) {
  const TinyTokenizer tokenizer;
  const auto writer = make_chat_stream({"chatcmpl-1", 5, "m"}, chat_with(R"("stream_options":{"include_usage":true})"),
                                       waiting(1), tokenizer, make_plain_parser);
  const auto events = stream_of(*writer, 1);
  ASSERT_EQ(events.size(), 6U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(events[i]["id"], "chatcmpl-1");
    EXPECT_EQ(events[i]["object"], "chat.completion.chunk");
    EXPECT_EQ(events[i]["created"], 5);
    EXPECT_EQ(events[i]["model"], "m");
  }
  EXPECT_EQ(events[0]["choices"], Json::parse(R"([{"index":0,"delta":{"role":"assistant","content":"",
    "refusal":null},"logprobs":null,"finish_reason":null}])"));
  EXPECT_EQ(events[1]["choices"][0]["delta"], Json::parse(R"({"content":"a"})"));
  EXPECT_EQ(events[2]["choices"][0]["delta"], Json::parse(R"({"content":"é"})")) << "half a character is no event";
  EXPECT_EQ(events[3]["choices"], Json::parse(R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])"));
  EXPECT_EQ(events[3]["usage"], nullptr);
  EXPECT_EQ(events[4]["choices"], Json::array());
  EXPECT_EQ(events[4]["usage"], Json::parse(R"({"prompt_tokens":2,"completion_tokens":4,"total_tokens":6,
    "prompt_tokens_details":{"cached_tokens":1}})"));
  EXPECT_EQ(events[5], "[DONE]");
}

TEST(ChatStream, SendsNoUsageUnlessAsked) {
  const TinyTokenizer tokenizer;
  const auto writer =
      make_chat_stream({"chatcmpl-1", 5, "m"}, chat_with(R"("stream":true)"), waiting(1), tokenizer, make_plain_parser);
  const auto events = stream_of(*writer, 1);
  ASSERT_EQ(events.size(), 5U);
  for (size_t i = 0; i < 4; ++i) EXPECT_FALSE(events[i].contains("usage"));
}

TEST(ChatStream, LogprobsAndIdsJoinToThoseOfTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const auto request = chat_with(R"("logprobs":true,"return_token_ids":true,"n":2)");
  const auto stream = make_chat_stream({"c", 5, "m"}, request, waiting(2), tokenizer, make_plain_parser);
  const auto whole = make_chat_answer({"c", 5, "m"}, request, waiting(2), tokenizer, make_plain_parser);
  for (Delta delta : kDeltas) {
    for (delta.index = 0; delta.index < 2; ++delta.index) EXPECT_EQ(whole->push(0, delta), "");
  }
  const Json answer = Json::parse(whole->finish());
  std::string text[2];
  Json logprobs[2] = {Json::array(), Json::array()};
  Json ids[2] = {Json::array(), Json::array()};
  Json prompt_ids;
  for (const Json& event : stream_of(*stream, 2)) {
    if (event == "[DONE]") break;
    if (event.contains("prompt_token_ids")) prompt_ids = event["prompt_token_ids"];
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    text[index] += choice["delta"].value("content", "");
    if (!choice["logprobs"].is_null()) {
      for (const Json& entry : choice["logprobs"]["content"]) logprobs[index].push_back(entry);
    }
    if (choice.contains("token_ids")) {
      for (const Json& id : choice["token_ids"]) ids[index].push_back(id);
    }
  }
  EXPECT_EQ(prompt_ids, answer["prompt_token_ids"]);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(text[i], answer["choices"][i]["message"]["content"]);
    EXPECT_EQ(logprobs[i], answer["choices"][i]["logprobs"]["content"]);
    EXPECT_EQ(logprobs[i].size(), 3U) << "the stop token is not listed";
    EXPECT_EQ(ids[i], answer["choices"][i]["token_ids"]);
    EXPECT_EQ(ids[i].size(), 4U);
  }
}

TEST(CompletionStream, EchoesAndNumbersTheChoicesOfAllPrompts) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":["x","y"],"n":2,"echo":true,"return_token_ids":true,
    "stream_options":{"include_usage":true}})");
  const auto writer = make_completion_stream({"cmpl-1", 5, "m"}, request, {waiting(2), waiting(2)}, tokenizer);
  std::string text[4];
  std::string reasons[4];
  Json usage;
  for (const Json& event : stream_of(*writer, 2, 2)) {
    if (event == "[DONE]") break;
    EXPECT_EQ(event["object"], "text_completion");
    if (event["choices"].empty()) {
      usage = event["usage"];
      continue;
    }
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    if (text[index].empty()) {
      EXPECT_EQ(choice["prompt_token_ids"], Json::parse("[0,1]"));
    }
    text[index] += choice["text"].get<std::string>();
    if (!choice["finish_reason"].is_null()) reasons[index] = choice["finish_reason"];
  }
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(text[i], "Pa\xc3\xa9");
    EXPECT_EQ(reasons[i], "stop");
  }
  EXPECT_EQ(usage["prompt_tokens"], 4) << "a prompt counts once, whatever n";
  EXPECT_EQ(usage["completion_tokens"], 16);
  EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], 2);
}

TEST(CompletionStream, TextOffsetsContinueOverEvents) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":"x","logprobs":0})");
  const auto writer = make_completion_stream({"cmpl-1", 5, "m"}, request, {waiting(1)}, tokenizer);
  Json offsets = Json::array();
  for (const Json& event : stream_of(*writer, 1)) {
    if (event == "[DONE]" || event["choices"][0]["logprobs"].is_null()) continue;
    for (const Json& offset : event["choices"][0]["logprobs"]["text_offset"]) offsets.push_back(offset);
  }
  EXPECT_EQ(offsets, Json::parse("[0,1,2]"));
}

TEST(CompletionStream, EchoedLogprobsBeginEveryChoiceAsInTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":"x","echo":true,"logprobs":1,"n":2})");
  PromptResult prompt = waiting(2);
  prompt.prompt_ids = {TinyTokenizer::kA, TinyTokenizer::kWhole, TinyTokenizer::kA};
  prompt.prompt_text =
      "a\xc3\xa9"
      "a";
  // The second choice's tokens may come before the prompt's scores, which the first choice brings.
  std::vector<Delta> deltas;
  deltas.push_back({.index = 1, .text = "a", .tokens = {{TinyTokenizer::kA, -0.5F, {}}}});
  deltas.push_back({.index = 0, .prompt_logprobs = {{TinyTokenizer::kWhole, -3.0F, {{TinyTokenizer::kA, -1.0F}}}}});
  deltas.push_back({.index = 0, .prompt_logprobs = {{TinyTokenizer::kA, -4.0F, {}}}});
  deltas.push_back({.index = 0, .text = "a", .tokens = {{TinyTokenizer::kA, -0.75F, {}}}});
  for (int32_t index : {1, 0}) deltas.push_back({.index = index, .finish = FinishReason::kLength});
  const auto stream = make_completion_stream({"c", 5, "m"}, request, {prompt}, tokenizer);
  const auto whole = make_completion_answer({"c", 5, "m"}, request, {prompt}, tokenizer);
  std::string events;
  for (const Delta& delta : deltas) {
    events += stream->push(0, delta);
    whole->push(0, delta);
  }
  std::map<std::string, Json> joined[2];
  std::string text[2];
  for (const Json& event : events_of(events + stream->finish())) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    text[index] += choice["text"].get<std::string>();
    if (choice["logprobs"].is_null()) continue;
    for (const auto& [name, values] : choice["logprobs"].items()) {
      for (const Json& value : values) joined[index][name].push_back(value);
    }
  }
  const Json answer = Json::parse(whole->finish());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(text[i], answer["choices"][i]["text"]);
    EXPECT_EQ(joined[i]["token_logprobs"].size(), 4U);
    for (const auto& [name, values] : answer["choices"][i]["logprobs"].items()) EXPECT_EQ(joined[i][name], values);
  }
}

TEST(AnswerWriter, AStreamThatFailsEndsWithAnErrorAndDone) {
  const auto events = events_of(failure_events(server_error("the engine died")));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["error"]["type"], "server_error");
  EXPECT_EQ(events[0]["error"]["param"], nullptr);
  EXPECT_EQ(events[1], "[DONE]");
}

// Like the parser of a model that thinks: the first delta is thinking, and a tool is called at the end of the text.
class ThinkingParser : public MessageParser {
 public:
  MessageDelta push(std::string_view text) override {
    if (std::exchange(has_thought_, true)) return {.content = std::string(text)};
    return {.reasoning_content = std::string(text)};
  }
  MessageDelta finish() override {
    return {
        .tool_calls = {{.index = 0, .id = "call_1", .name = "f", .arguments = "{"}, {.index = 0, .arguments = "}"}}};
  }

 private:
  bool has_thought_ = false;
};

TEST(ChatStream, ThinkingAndCallsAreNotContent) {
  const TinyTokenizer tokenizer;
  const auto make_parser = [] { return std::make_unique<ThinkingParser>(); };
  const auto stream = make_chat_stream({"c", 5, "m"}, chat_with(R"("n":1)"), waiting(1), tokenizer, make_parser);
  std::string content;
  std::string reasoning;
  std::string arguments;
  std::string reason;
  for (const Json& event : stream_of(*stream, 1)) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    content += choice["delta"].value("content", "");
    reasoning += choice["delta"].value("reasoning_content", "");
    if (choice["delta"].contains("tool_calls")) {
      for (const Json& call : choice["delta"]["tool_calls"]) {
        arguments += call["function"]["arguments"].get<std::string>();
      }
    }
    if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
  }
  EXPECT_EQ(content, "\xc3\xa9");
  EXPECT_EQ(reasoning, "a");
  EXPECT_EQ(arguments, "{}");
  EXPECT_EQ(reason, "tool_calls");

  PromptResult result = waiting(1);
  result.choices[0].text = "a";
  result.choices[0].finish = FinishReason::kStop;
  const Json answer = chat_response({"c", 5, "m"}, chat_with(R"("n":1)"), result, tokenizer, make_parser);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "tool_calls");
  const Json& message = answer["choices"][0]["message"];
  EXPECT_EQ(message["content"], nullptr);
  EXPECT_EQ(message["reasoning_content"], "a");
  EXPECT_EQ(message["tool_calls"], Json::parse(R"([{"id":"call_1","type":"function",
    "function":{"name":"f","arguments":"{}"}}])"));
}

TEST(ChatStream, CallsComeInPiecesAndJoinToThoseOfTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const parsers::ParserOptions options{.reasoning = parsers::ReasoningFormat::kQwen3,
                                       .tools = parsers::ToolFormat::kHermes};
  const std::string text =
      "<think>\nhm é\n</think>\n\nWell:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"ü\"}}\n"
      "</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>";
  const auto stream =
      make_chat_stream({"c", 5, "m"}, chat_with(R"("n":2)"), waiting(2), tokenizer, make_parsers(options));
  const auto whole =
      make_chat_answer({"c", 5, "m"}, chat_with(R"("n":2)"), waiting(2), tokenizer, make_parsers(options));
  std::string events;
  const auto say = [&](Delta delta) {
    for (delta.index = 0; delta.index < 2; ++delta.index) {
      events += stream->push(0, delta);
      whole->push(0, delta);
    }
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t size = unicode::sequence_length(text[begin]);
    say({.text = text.substr(begin, size)});
    begin += size;
  }
  say({.finish = FinishReason::kStop});
  const Json begun = {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}};
  Json messages[] = {begun, begun};
  size_t num_pieces = 0;
  for (const Json& event : events_of(events + stream->finish())) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    Json& message = messages[choice["index"].get<size_t>()];
    for (const char* key : {"content", "reasoning_content"}) {
      const auto piece = choice["delta"].find(key);
      if (piece != choice["delta"].end()) message[key] = message.value(key, "") + piece->get<std::string>();
    }
    for (const Json& call : choice["delta"].value("tool_calls", Json::array())) {
      ++num_pieces;
      Json& known = message["tool_calls"][call["index"].get<size_t>()];
      if (call.contains("id")) {
        known = {{"id", call["id"]}, {"type", call["type"]}, {"function", call["function"]}};
      } else {
        std::string& arguments = known["function"]["arguments"].get_ref<std::string&>();
        arguments += call["function"]["arguments"].get<std::string>();
      }
    }
    EXPECT_TRUE(choice["finish_reason"].is_null() || choice["finish_reason"] == "tool_calls");
  }
  EXPECT_GT(num_pieces, 10U) << "arguments stream";
  const Json answer = Json::parse(whole->finish());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(messages[i], answer["choices"][i]["message"]);
    EXPECT_EQ(messages[i]["content"], "Well:");
    EXPECT_EQ(messages[i]["reasoning_content"], "hm é");
    EXPECT_EQ(messages[i]["tool_calls"][0]["function"], Json::parse(R"({"name":"f","arguments":"{\"a\": \"ü\"}"})"));
    EXPECT_EQ(messages[i]["tool_calls"][1]["function"]["name"], "g");
  }
  EXPECT_NE(messages[0]["tool_calls"][0]["id"], messages[1]["tool_calls"][0]["id"]);
}

TEST(ChatStream, ACallOfAFunctionComesInItsDeprecatedForm) {
  const TinyTokenizer tokenizer;
  const parsers::ParserOptions options{.tools = parsers::ToolFormat::kHermes, .parallel_tool_calls = false};
  const auto request = chat_with(R"("functions":[{"name":"f"}])");
  const auto stream = make_chat_stream({"c", 5, "m"}, request, waiting(1), tokenizer, make_parsers(options));
  const auto whole = make_chat_answer({"c", 5, "m"}, request, waiting(1), tokenizer, make_parsers(options));
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
  std::string bytes;
  for (const Delta& delta : {Delta{.text = call.substr(0, 50)}, Delta{.text = call.substr(50)}, Delta{.text = call},
                             Delta{.finish = FinishReason::kStop}}) {
    bytes += stream->push(0, delta);
    whole->push(0, delta);
  }
  Json streamed = Json::object();
  std::string reason;
  for (const Json& event : events_of(bytes + stream->finish())) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
    EXPECT_FALSE(choice["delta"].contains("tool_calls"));
    const Json pieces = choice["delta"].value("function_call", Json::object());
    for (const auto& [key, piece] : pieces.items()) {
      streamed[key] = streamed.value(key, "") + piece.get<std::string>();
    }
  }
  EXPECT_EQ(streamed, Json::parse(R"({"name":"f","arguments":"{\"a\": 1}"})"));
  EXPECT_EQ(reason, "function_call");
  const Json answer = Json::parse(whole->finish());
  EXPECT_EQ(answer["choices"][0]["message"],
            Json({{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}, {"function_call", streamed}}));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "function_call");
}

}  // namespace
}  // namespace braid::openai
