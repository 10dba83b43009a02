#include "braid/server/openai/write/streams.h"

#include <utility>

#include "braid/server/openai/write/logprobs.h"

namespace braid::openai {

namespace {

// What both streams share: the chunks' head, the usage, and the state of each choice.
class ChunkStream : public AnswerWriter {
 public:
  std::string finish() final {
    std::string events;
    if (common_.include_usage) {
      Json chunk = chunk_of(Json::array());
      chunk["usage"] = usage_.to_json();
      events = to_event(chunk);
    }
    return events + done_event();
  }

 protected:
  struct Choice {
    std::unique_ptr<MessageParser> parser;  // chat
    bool has_begun = false;
    bool has_tool_calls = false;
    TextPlace place;  // of the next token that logprobs list
  };

  ChunkStream(ResponseHead head, std::string_view object, CommonParameters common, std::vector<PromptResult> prompts,
              const Tokenizer& tokenizer)
      : tokenizer_(tokenizer),
        common_(std::move(common)),
        names_(tokenizer, common_),
        prompts_(std::move(prompts)),
        usage_(prompts_),
        head_({{"id", std::move(head.id)}, {"object", object}, {"created", head.created_s}, {"model", head.model}}),
        head_text_(open_object(head_)) {
    for (const PromptResult& prompt : prompts_) {
      for (int32_t i = 0; i < common_.n; ++i) choices_.push_back({.place = {.is_first = !prompt.continues_text}});
    }
  }

  size_t index_of(size_t prompt, const Delta& delta) const {
    return prompt * static_cast<size_t>(common_.n) + static_cast<size_t>(delta.index);
  }

  Json chunk_of(Json choices) const {
    Json chunk = head_;
    chunk["choices"] = std::move(choices);
    if (common_.include_usage) chunk["usage"] = nullptr;
    return chunk;
  }

  // As to_event(chunk_of({choice})), but formats the head only once: there is an event for each token.
  std::string event_of(const Json& choice) const {
    std::string event = "data: ";
    event.append(head_text_).append(",\"choices\":[").append(to_text(choice)).append("]");
    if (common_.include_usage) event += ",\"usage\":null";
    return event.append("}\n\n");
  }

  std::span<const SampledToken> listed(const Delta& delta) const {
    return listed_tokens(delta.tokens, delta.finish, delta.matched_stop, common_.no_stop_trim);
  }

  static Json ids_of(const Delta& delta) {
    Json ids = Json::array();
    for (const SampledToken& sampled : delta.tokens) ids.push_back(sampled.token);
    return ids;
  }

  const Tokenizer& tokenizer_;
  const CommonParameters common_;
  const TokenNames names_;
  const std::vector<PromptResult> prompts_;
  UsageCounter usage_;
  std::vector<Choice> choices_;

 private:
  // The object's text without its last brace.
  static std::string open_object(const Json& object) {
    std::string text = to_text(object);
    text.pop_back();
    return text;
  }

  const Json head_;
  const std::string head_text_;
};

class CompletionStream : public ChunkStream {
 public:
  CompletionStream(ResponseHead head, CompletionRequest request, std::vector<PromptResult> prompts,
                   const Tokenizer& tokenizer)
      : ChunkStream(std::move(head), "text_completion", std::move(request.common), std::move(prompts), tokenizer),
        echo_(request.echo),
        scores_prompt_(request.scores_prompt()),
        scorings_(scores_prompt_ ? prompts_.size() : 0) {}

  std::string push(size_t prompt, const Delta& delta) override {
    if (!scores_prompt_ || scorings_[prompt].is_complete) return events_of(prompt, delta);
    // Every choice begins with the prompt's log-probabilities, which come with the first choice's deltas.
    Scoring& scoring = scorings_[prompt];
    scoring.scores.insert(scoring.scores.end(), delta.prompt_logprobs.begin(), delta.prompt_logprobs.end());
    scoring.early.push_back(delta);
    const bool is_over = delta.index == 0 && delta.finish != FinishReason::kNone;
    if (!is_over && scoring.scores.size() + 1 < prompts_[prompt].prompt_ids.size()) return {};
    scoring.is_complete = true;
    std::string events;
    for (const Delta& early : std::exchange(scoring.early, {})) events += events_of(prompt, early);
    return events;
  }

 private:
  struct Scoring {
    std::vector<ScoredToken> scores;
    std::vector<Delta> early;  // deltas of any choice, until the scores are complete
    bool is_complete = false;
  };

  std::string events_of(size_t prompt, const Delta& delta) {
    const size_t index = index_of(prompt, delta);
    Choice& choice = choices_[index];
    usage_.add(prompt, delta);
    std::string events;
    if (!std::exchange(choice.has_begun, true) && (echo_ || common_.return_token_ids)) {
      events += prompt_event(prompt, index, choice);
    }
    const auto tokens = listed(delta);
    const bool has_logprobs = common_.logprobs && !tokens.empty();
    const bool has_ids = common_.return_token_ids && !delta.tokens.empty();
    if (!delta.text.empty() || has_logprobs || has_ids) {
      Json item = item_of(index, delta.text);
      if (has_logprobs) {
        CompletionLogprobs logprobs(names_, choice.place);
        logprobs.add(tokens);
        item["logprobs"] = std::move(logprobs).json();
      }
      if (has_ids) item["token_ids"] = ids_of(delta);
      events += event_of(item);
    }
    if (delta.finish != FinishReason::kNone) {
      Json item = item_of(index, "");
      item["finish_reason"] = finish_reason_name(delta.finish);
      events += event_of(item);
    }
    return events;
  }

  std::string prompt_event(size_t prompt, size_t index, Choice& choice) const {
    const PromptResult& result = prompts_[prompt];
    Json item = item_of(index, echo_ ? result.prompt_text : "");
    if (scores_prompt_) {
      choice.place = {};
      CompletionLogprobs logprobs(names_, choice.place);
      add_prompt(result.prompt_ids, scorings_[prompt].scores, logprobs);
      item["logprobs"] = std::move(logprobs).json();
    }
    if (common_.return_token_ids) item["prompt_token_ids"] = result.prompt_ids;
    return event_of(item);
  }

  static Json item_of(size_t index, std::string_view text) {
    return {{"index", index}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  }

  const bool echo_;
  const bool scores_prompt_;
  std::vector<Scoring> scorings_;  // of each prompt
};

class ChatStream : public ChunkStream {
 public:
  ChatStream(ResponseHead head, ChatRequest request, PromptResult prompt, const Tokenizer& tokenizer,
             const MakeMessageParser& make_parser)
      : ChunkStream(std::move(head), "chat.completion.chunk", std::move(request.common), one(std::move(prompt)),
                    tokenizer),
        tools_(std::move(request.tools)) {
    for (Choice& choice : choices_) choice.parser = make_parser();
  }

  std::string push(size_t prompt, const Delta& delta) override {
    const size_t index = index_of(prompt, delta);
    Choice& choice = choices_[index];
    usage_.add(prompt, delta);
    std::string events;
    if (!std::exchange(choice.has_begun, true)) {
      Json chunk =
          chunk_of(Json::array({item_of(index, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}})}));
      if (common_.return_token_ids && !std::exchange(has_sent_prompt_, true)) {
        chunk["prompt_token_ids"] = prompts_[prompt].prompt_ids;
      }
      events += to_event(chunk);
    }
    MessageDelta message = choice.parser->push(delta.text);
    if (delta.finish != FinishReason::kNone) message.append(choice.parser->finish());
    choice.has_tool_calls |= !message.tool_calls.empty();
    const auto tokens = listed(delta);
    const bool has_logprobs = common_.logprobs && !tokens.empty();
    const bool has_ids = common_.return_token_ids && !delta.tokens.empty();
    if (!message.empty() || has_logprobs || has_ids) {
      Json item = item_of(index, json_of(message));
      if (has_logprobs) item["logprobs"] = chat_logprobs(tokens, names_, choice.place);
      if (has_ids) item["token_ids"] = ids_of(delta);
      events += event_of(item);
    }
    if (delta.finish != FinishReason::kNone) {
      Json item = item_of(index, Json::object());
      item["finish_reason"] = chat_finish_reason(delta.finish, choice.has_tool_calls, tools_);
      events += event_of(item);
    }
    return events;
  }

 private:
  static std::vector<PromptResult> one(PromptResult prompt) {
    std::vector<PromptResult> prompts;
    prompts.push_back(std::move(prompt));
    return prompts;
  }

  static Json item_of(size_t index, Json delta) {
    return {{"index", index}, {"delta", std::move(delta)}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  }

  // A delta that has only tokens (of an incomplete character, for example) has an empty content.
  Json json_of(const MessageDelta& message) const {
    Json delta = Json::object();
    if (!message.reasoning_content.empty()) delta["reasoning_content"] = message.reasoning_content;
    if (!message.content.empty() || message.empty()) delta["content"] = message.content;
    for (const ToolCallDelta& call : message.tool_calls) {
      Json function = Json::object();
      if (!call.name.empty()) function["name"] = call.name;
      function["arguments"] = call.arguments;
      if (tools_.are_functions) {  // there is one call at most
        delta["function_call"] = std::move(function);
        continue;
      }
      Json item = {{"index", call.index}};
      if (!call.id.empty()) {
        item["id"] = call.id;
        item["type"] = "function";
      }
      item["function"] = std::move(function);
      delta["tool_calls"].push_back(std::move(item));
    }
    return delta;
  }

  const ToolParameters tools_;
  bool has_sent_prompt_ = false;
};

}  // namespace

std::unique_ptr<AnswerWriter> make_completion_stream(ResponseHead head, CompletionRequest request,
                                                     std::vector<PromptResult> prompts, const Tokenizer& tokenizer) {
  return std::make_unique<CompletionStream>(std::move(head), std::move(request), std::move(prompts), tokenizer);
}

std::unique_ptr<AnswerWriter> make_chat_stream(ResponseHead head, ChatRequest request, PromptResult prompt,
                                               const Tokenizer& tokenizer, MakeMessageParser make_parser) {
  return std::make_unique<ChatStream>(std::move(head), std::move(request), std::move(prompt), tokenizer, make_parser);
}

}  // namespace braid::openai
