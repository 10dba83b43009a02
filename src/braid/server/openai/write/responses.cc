#include "braid/server/openai/write/responses.h"

#include <utility>

#include "braid/server/openai/write/logprobs.h"

namespace braid::openai {

void ChoiceResult::add(const Delta& delta) {
  text += delta.text;
  tokens.insert(tokens.end(), delta.tokens.begin(), delta.tokens.end());
  prompt_logprobs.insert(prompt_logprobs.end(), delta.prompt_logprobs.begin(), delta.prompt_logprobs.end());
  usage = delta.usage;
  if (delta.finish == FinishReason::kNone) return;
  finish = delta.finish;
  matched_stop = delta.matched_stop;
}

UsageCounter::UsageCounter(std::span<const PromptResult> prompts) : cached_tokens_(prompts.size(), 0) {
  for (const PromptResult& prompt : prompts) prompt_tokens_ += static_cast<int64_t>(prompt.prompt_ids.size());
}

void UsageCounter::add(size_t prompt, const Delta& delta) {
  completion_tokens_ += static_cast<int64_t>(delta.tokens.size());
  // Only choice 0 counts: the others find its prompt in the cache.
  if (delta.index == 0) cached_tokens_[prompt] = delta.usage.cached_tokens;
}

Json UsageCounter::to_json() const {
  int64_t cached_tokens = 0;
  for (const int64_t tokens : cached_tokens_) cached_tokens += tokens;
  return {{"prompt_tokens", prompt_tokens_},
          {"completion_tokens", completion_tokens_},
          {"total_tokens", prompt_tokens_ + completion_tokens_},
          {"prompt_tokens_details", {{"cached_tokens", cached_tokens}}}};
}

std::string_view finish_reason_name(FinishReason finish, std::string_view stop) {
  switch (finish) {
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    default:
      return stop;
  }
}

std::string_view chat_finish_reason(FinishReason finish, bool has_calls, const ToolParameters& tools) {
  if (!has_calls) return finish_reason_name(finish);
  return finish_reason_name(finish, tools.are_functions ? "function_call" : "tool_calls");
}

namespace {

std::span<const SampledToken> listed_tokens_of(const ChoiceResult& choice, const CommonParameters& common) {
  return listed_tokens(choice.tokens, choice.finish, choice.matched_stop, common.no_stop_trim);
}

Json token_ids(const ChoiceResult& choice) {
  Json ids = Json::array();
  for (const SampledToken& sampled : choice.tokens) ids.push_back(sampled.token);
  return ids;
}

Json usage_of(std::span<const PromptResult> results) {
  UsageCounter usage(results);
  for (size_t prompt = 0; prompt < results.size(); ++prompt) {
    for (size_t i = 0; i < results[prompt].choices.size(); ++i) {
      const ChoiceResult& choice = results[prompt].choices[i];
      usage.add(prompt, {.index = static_cast<int32_t>(i), .tokens = choice.tokens, .usage = choice.usage});
    }
  }
  return usage.to_json();
}

// The prompt's log-probabilities come with its first choice; all choices show them.
Json completion_logprobs(const CompletionRequest& request, const PromptResult& result, const ChoiceResult& choice,
                         const TokenNames& names) {
  // If the prompt's tokens are listed, the text begins with them.
  TextPlace place{.is_first = request.scores_prompt() || !result.continues_text};
  CompletionLogprobs logprobs(names, place);
  if (request.scores_prompt()) add_prompt(result.prompt_ids, result.choices.front().prompt_logprobs, logprobs);
  logprobs.add(listed_tokens_of(choice, request.common));
  return std::move(logprobs).json();
}

Json head_of(const ResponseHead& head, std::string_view object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created_s}, {"model", head.model}};
}

Json message_of(const MessageDelta& parsed, const ToolParameters& tools) {
  Json message = {{"role", "assistant"}, {"content", parsed.content}, {"refusal", nullptr}};
  if (!parsed.reasoning_content.empty()) message["reasoning_content"] = parsed.reasoning_content;
  if (parsed.tool_calls.empty()) return message;
  if (parsed.content.empty()) message["content"] = nullptr;
  if (tools.are_functions) {
    const ToolCallDelta& call = parsed.tool_calls.front();  // there is no other
    message["function_call"] = {{"name", call.name}, {"arguments", call.arguments}};
    return message;
  }
  Json& calls = message["tool_calls"] = Json::array();
  for (const ToolCallDelta& call : parsed.tool_calls) {
    calls.push_back(
        {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return message;
}

class CompletionAnswer : public AnswerWriter {
 public:
  CompletionAnswer(ResponseHead head, CompletionRequest request, std::vector<PromptResult> prompts,
                   const Tokenizer& tokenizer)
      : head_(std::move(head)), request_(std::move(request)), results_(std::move(prompts)), tokenizer_(tokenizer) {}

  std::string push(size_t prompt, const Delta& delta) override {
    results_[prompt].choices[static_cast<size_t>(delta.index)].add(delta);
    return {};
  }
  std::string finish() override { return to_text(completion_response(head_, request_, results_, tokenizer_)); }

 private:
  ResponseHead head_;
  CompletionRequest request_;
  std::vector<PromptResult> results_;
  const Tokenizer& tokenizer_;
};

class ChatAnswer : public AnswerWriter {
 public:
  ChatAnswer(ResponseHead head, ChatRequest request, PromptResult prompt, const Tokenizer& tokenizer,
             MakeMessageParser make_parser)
      : head_(std::move(head)),
        request_(std::move(request)),
        result_(std::move(prompt)),
        tokenizer_(tokenizer),
        make_parser_(std::move(make_parser)) {}

  std::string push(size_t, const Delta& delta) override {
    result_.choices[static_cast<size_t>(delta.index)].add(delta);
    return {};
  }
  std::string finish() override { return to_text(chat_response(head_, request_, result_, tokenizer_, make_parser_)); }

 private:
  ResponseHead head_;
  ChatRequest request_;
  PromptResult result_;
  const Tokenizer& tokenizer_;
  MakeMessageParser make_parser_;
};

}  // namespace

Json completion_response(const ResponseHead& head, const CompletionRequest& request,
                         const std::vector<PromptResult>& results, const Tokenizer& tokenizer) {
  const CommonParameters& common = request.common;
  const TokenNames names(tokenizer, common);
  Json choices = Json::array();
  for (const PromptResult& result : results) {
    const std::string echoed = request.echo ? result.prompt_text : "";
    for (const ChoiceResult& choice : result.choices) {
      Json item = {{"index", choices.size()}, {"text", echoed + choice.text}, {"logprobs", nullptr}};
      if (common.logprobs) item["logprobs"] = completion_logprobs(request, result, choice, names);
      item["finish_reason"] = finish_reason_name(choice.finish);
      if (common.return_token_ids) {
        item["token_ids"] = token_ids(choice);
        item["prompt_token_ids"] = result.prompt_ids;
      }
      choices.push_back(std::move(item));
    }
  }
  Json response = head_of(head, "text_completion");
  response["choices"] = std::move(choices);
  response["usage"] = usage_of(results);
  return response;
}

Json chat_response(const ResponseHead& head, const ChatRequest& request, const PromptResult& result,
                   const Tokenizer& tokenizer, const MakeMessageParser& make_parser) {
  const CommonParameters& common = request.common;
  const TokenNames names(tokenizer, common);
  Json choices = Json::array();
  for (const ChoiceResult& choice : result.choices) {
    const auto parser = make_parser();
    MessageDelta parsed = parser->push(choice.text);
    parsed.append(parser->finish());
    Json item = {{"index", choices.size()}, {"message", message_of(parsed, request.tools)}, {"logprobs", nullptr}};
    if (common.logprobs) {
      TextPlace place{.is_first = !result.continues_text};
      item["logprobs"] = chat_logprobs(listed_tokens_of(choice, common), names, place);
    }
    item["finish_reason"] = chat_finish_reason(choice.finish, !parsed.tool_calls.empty(), request.tools);
    if (common.return_token_ids) item["token_ids"] = token_ids(choice);
    choices.push_back(std::move(item));
  }
  Json response = head_of(head, "chat.completion");
  response["choices"] = std::move(choices);
  response["usage"] = usage_of(std::span(&result, 1));
  if (common.return_token_ids) response["prompt_token_ids"] = result.prompt_ids;
  return response;
}

std::unique_ptr<AnswerWriter> make_completion_answer(ResponseHead head, CompletionRequest request,
                                                     std::vector<PromptResult> prompts, const Tokenizer& tokenizer) {
  return std::make_unique<CompletionAnswer>(std::move(head), std::move(request), std::move(prompts), tokenizer);
}

std::unique_ptr<AnswerWriter> make_chat_answer(ResponseHead head, ChatRequest request, PromptResult prompt,
                                               const Tokenizer& tokenizer, MakeMessageParser make_parser) {
  return std::make_unique<ChatAnswer>(std::move(head), std::move(request), std::move(prompt), tokenizer,
                                      std::move(make_parser));
}

}  // namespace braid::openai
