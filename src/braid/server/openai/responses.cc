// Formatting responses, and both of OpenAI's shapes of logprobs.
#include "braid/server/openai/responses.h"

#include <algorithm>
#include <span>

namespace braid::openai {

void ChoiceResult::add(const Delta& delta) {
  text += delta.text;
  tokens.insert(tokens.end(), delta.tokens.begin(), delta.tokens.end());
  prompt_logprobs.insert(prompt_logprobs.end(), delta.prompt_logprobs.begin(), delta.prompt_logprobs.end());
  usage = delta.usage;
  if (delta.finish == FinishReason::kNone) return;
  finish = delta.finish;
  matched_stop = delta.matched_stop;
  error = delta.error;
}

std::optional<ApiError> find_error(const std::vector<PromptResult>& results) {
  for (const PromptResult& result : results) {
    for (const ChoiceResult& choice : result.choices) {
      if (choice.finish == FinishReason::kError) return server_error(choice.error);
    }
  }
  return std::nullopt;
}

namespace {

// As many bytes as the well-formed character at the start of `text` has; 0 if there is none.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t size = byte(0) >= 0xf0 ? 4 : (byte(0) >= 0xe0 ? 3 : 2);
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_bad = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) >= 0xa0) ||
                      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90);
  return is_bad ? 0 : size;
}

Json bytes_of(const Tokenizer& tokenizer, TokenId token) {
  Json bytes = Json::array();
  for (const char c : tokenizer.token_bytes(token)) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

// The token that completed a stop is no part of what OpenAI's logprobs list.
std::span<const SampledToken> listed_tokens(const ChoiceResult& choice) {
  const bool ends_with_stop =
      choice.finish == FinishReason::kStop && std::holds_alternative<TokenId>(choice.matched_stop);
  return std::span(choice.tokens).first(choice.tokens.size() - (ends_with_stop && !choice.tokens.empty() ? 1 : 0));
}

Json chat_logprobs(const ChoiceResult& choice, const Tokenizer& tokenizer) {
  const auto entry = [&](TokenId token, float logprob) {
    return Json{{"token", shown_token(tokenizer, token)}, {"logprob", logprob}, {"bytes", bytes_of(tokenizer, token)}};
  };
  Json content = Json::array();
  for (const SampledToken& sampled : listed_tokens(choice)) {
    Json item = entry(sampled.token, sampled.logprob);
    item["top_logprobs"] = Json::array();
    for (const TokenLogprob& top : sampled.top_logprobs) item["top_logprobs"].push_back(entry(top.token, top.logprob));
    content.push_back(std::move(item));
  }
  return {{"content", std::move(content)}};
}

// OpenAI's older shape: lists side by side, one entry a token of the text.
class CompletionLogprobs {
 public:
  CompletionLogprobs(const Tokenizer& tokenizer, bool skips_special_tokens)
      : tokenizer_(tokenizer), skips_special_tokens_(skips_special_tokens) {}

  // A prompt's first token, of which no model says anything.
  void add_unjudged(TokenId token) { add_entry(token, nullptr, nullptr); }

  void add(const SampledToken& sampled) {
    Json top = Json::object();
    for (const TokenLogprob& alternative : sampled.top_logprobs) {
      const std::string shown = shown_token(tokenizer_, alternative.token);
      if (!top.contains(shown)) top[shown] = alternative.logprob;  // parts of characters look alike: the likeliest
    }
    add_entry(sampled.token, sampled.logprob, std::move(top));
  }

  Json json() && {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(logprobs_)},
            {"top_logprobs", std::move(top_logprobs_)},
            {"text_offset", std::move(offsets_)},
            {"bytes", std::move(bytes_)}};
  }

 private:
  void add_entry(TokenId token, Json logprob, Json top) {
    tokens_.push_back(shown_token(tokenizer_, token));
    logprobs_.push_back(std::move(logprob));
    top_logprobs_.push_back(std::move(top));
    offsets_.push_back(text_offset_);
    bytes_.push_back(bytes_of(tokenizer_, token));
    if (skips_special_tokens_ && tokenizer_.is_special(token)) return;  // it has no place in the text
    // Characters that begin in this token; one may end in the next.
    text_offset_ += std::ranges::count_if(tokenizer_.token_bytes(token),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  }

  const Tokenizer& tokenizer_;
  const bool skips_special_tokens_;
  Json tokens_ = Json::array();
  Json logprobs_ = Json::array();
  Json top_logprobs_ = Json::array();
  Json offsets_ = Json::array();
  Json bytes_ = Json::array();
  int64_t text_offset_ = 0;
};

// The choices of one prompt share its log-probabilities, which the first one has.
Json completion_logprobs(const CompletionRequest& request, const PromptResult& result, const ChoiceResult& choice,
                         const Tokenizer& tokenizer) {
  CompletionLogprobs logprobs(tokenizer, request.common.skip_special_tokens);
  if (request.scores_prompt()) {
    if (!result.prompt_ids.empty()) logprobs.add_unjudged(result.prompt_ids.front());
    for (const ScoredToken& scored : result.choices.front().prompt_logprobs) logprobs.add(scored);
  }
  for (const SampledToken& sampled : listed_tokens(choice)) logprobs.add(sampled);
  return std::move(logprobs).json();
}

std::string_view finish_reason(const ChoiceResult& choice) {
  switch (choice.finish) {
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    default:
      return "stop";
  }
}

Json token_ids(const ChoiceResult& choice) {
  Json ids = Json::array();
  for (const SampledToken& sampled : choice.tokens) ids.push_back(sampled.token);
  return ids;
}

// The choices of one prompt share its tokens: they count once.
Json usage_of(std::span<const PromptResult> results) {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
  for (const PromptResult& result : results) {
    prompt_tokens += static_cast<int64_t>(result.prompt_ids.size());
    if (!result.choices.empty()) cached_tokens += result.choices.front().usage.cached_tokens;
    for (const ChoiceResult& choice : result.choices) completion_tokens += static_cast<int64_t>(choice.tokens.size());
  }
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", completion_tokens},
          {"total_tokens", prompt_tokens + completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", cached_tokens}}}};
}

Json head_of(const ResponseHead& head, std::string_view object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created_s}, {"model", head.model}};
}

}  // namespace

std::string shown_token(const Tokenizer& tokenizer, TokenId token) {
  const std::string bytes = tokenizer.token_bytes(token);
  std::string shown;
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t size = character_size(rest);
    shown += size > 0 ? rest.substr(0, size) : "\xef\xbf\xbd";
    rest.remove_prefix(std::max<size_t>(size, 1));
  }
  return shown;
}

Json completion_response(const ResponseHead& head, const CompletionRequest& request,
                         const std::vector<PromptResult>& results, const Tokenizer& tokenizer) {
  Json choices = Json::array();
  for (const PromptResult& result : results) {
    const std::string echoed = request.echo ? result.prompt_text : "";
    for (const ChoiceResult& choice : result.choices) {
      Json item = {{"index", choices.size()}, {"text", echoed + choice.text}};
      item["logprobs"] = request.common.logprobs ? completion_logprobs(request, result, choice, tokenizer) : Json();
      item["finish_reason"] = finish_reason(choice);
      if (request.common.return_token_ids) {
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
                   const Tokenizer& tokenizer) {
  Json choices = Json::array();
  for (const ChoiceResult& choice : result.choices) {
    Json item = {{"index", choices.size()}, {"message", {{"role", "assistant"}, {"content", choice.text}}}};
    item["logprobs"] = request.common.logprobs ? chat_logprobs(choice, tokenizer) : Json();
    item["finish_reason"] = finish_reason(choice);
    if (request.common.return_token_ids) item["token_ids"] = token_ids(choice);
    choices.push_back(std::move(item));
  }
  Json response = head_of(head, "chat.completion");
  response["choices"] = std::move(choices);
  response["usage"] = usage_of(std::span(&result, 1));
  if (request.common.return_token_ids) response["prompt_token_ids"] = result.prompt_ids;
  return response;
}

}  // namespace braid::openai
