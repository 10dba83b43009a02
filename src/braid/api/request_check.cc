#include "braid/api/request_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/grammar/compiled_grammar.h"

namespace braid {
namespace {

using Reason = SubmitError::Reason;
using Checked = Result<void, SubmitError>;

template <typename... Args>
SubmitError bad_request(fmt::format_string<Args...> format, Args&&... args) {
  return {.reason = Reason::kBadRequest, .message = fmt::format(format, std::forward<Args>(args)...)};
}

// `parameter`: as SubmitError::parameter. Both ends are allowed.
Checked check_range(std::string_view parameter, float value, float lower, float upper) {
  if (value >= lower && value <= upper) return {};  // false for NaN
  SubmitError error = bad_request("{} is {}: must be a number from {} to {}", parameter, value, lower, upper);
  error.parameter = parameter;
  return error;
}

Checked check_token(std::string_view name, TokenId token, int64_t vocab_size) {
  if (token >= 0 && token < vocab_size) return {};
  return bad_request("{}: token id {} is outside the vocabulary of {}", name, token, vocab_size);
}

Checked check_prompt(const GenerationRequest& request, const RequestBounds& bounds) {
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  if (prompt.empty()) return SubmitError{.reason = Reason::kEmptyPrompt, .message = "the prompt has no tokens"};
  if (static_cast<int64_t>(prompt.size()) > bounds.context_len) {
    SubmitError error =
        bad_request("prompt has {} tokens, this model's context is {}", prompt.size(), bounds.context_len);
    error.reason = Reason::kPromptTooLong;
    return error;
  }
  for (const TokenId token : prompt) {
    const bool may_be_image = is_placeholder(token) && !request.images.empty();
    if (!may_be_image) TRY_STATUS(check_token("prompt", token, bounds.vocab_size));
  }
  if (!request.images.empty()) {
    const Status placed = check_placeholders(prompt, request.images);
    if (!placed.ok()) return bad_request("{}", placed.error().message);
    for (const RequestImage& image : request.images) {
      if (image.span.positions_end() <= bounds.context_len) continue;
      return bad_request(
          "a video's frames at token {} have the position {} in time, this model's context is {}: send "
          "frames with more of them a second (fps), or fewer of them",
          image.span.first, image.span.positions_end() - 1, bounds.context_len);
    }
    if (request.sampling.prompt_logprobs_start >= 0) {
      return bad_request("log-probabilities of the prompt were asked for, and a prompt with images has none");
    }
  }
  return {};
}

Checked check_sampling(const SamplingParams& sampling, const RequestBounds& bounds) {
  TRY_STATUS(check_range("temperature", sampling.temperature, 0.0F, 100.0F));
  TRY_STATUS(check_range("top_p", sampling.top_p, 1e-9F, 1.0F));
  TRY_STATUS(check_range("min_p", sampling.min_p, 0.0F, 1.0F));
  TRY_STATUS(check_range("repetition_penalty", sampling.repetition_penalty, 1e-6F, 100.0F));
  TRY_STATUS(check_range("presence_penalty", sampling.presence_penalty, -2.0F, 2.0F));
  TRY_STATUS(check_range("frequency_penalty", sampling.frequency_penalty, -2.0F, 2.0F));
  if (sampling.top_k < 0) return bad_request("top_k is {}: must be at least 1, or 0 for no limit", sampling.top_k);
  if (sampling.max_new_tokens < 0) return bad_request("max_tokens is {}: must be at least 0", sampling.max_new_tokens);
  if (sampling.min_new_tokens < 0 || sampling.min_new_tokens > sampling.max_new_tokens) {
    return bad_request("min_tokens is {}: must be from 0 to max_tokens ({})", sampling.min_new_tokens,
                       sampling.max_new_tokens);
  }
  if (sampling.top_logprobs < 0 || sampling.top_logprobs > bounds.vocab_size) {
    return bad_request("top_logprobs is {}: must be from 0 to the vocabulary's {}", sampling.top_logprobs,
                       bounds.vocab_size);
  }
  // The answer's size is the prompt's length times the alternatives.
  constexpr int32_t kMaxPromptAlternatives = 100;
  if (sampling.prompt_logprobs_start >= 0 && sampling.top_logprobs > kMaxPromptAlternatives) {
    return bad_request("top_logprobs is {}: must be from 0 to {} where the prompt's are asked for",
                       sampling.top_logprobs, kMaxPromptAlternatives);
  }
  if (std::ssize(sampling.logit_bias) > bounds.vocab_size) {
    return bad_request("logit_bias has {} entries, the vocabulary {}", sampling.logit_bias.size(), bounds.vocab_size);
  }
  for (const auto& [token, bias] : sampling.logit_bias) {
    TRY_STATUS(check_token("logit_bias", token, bounds.vocab_size));
    if (!(bias >= -100.0F && bias <= 100.0F)) {
      return SubmitError{
          .message = fmt::format("logit_bias of token {} is {}: must be a number from -100 to 100", token, bias),
          .parameter = "logit_bias"};
    }
  }
  for (const TokenId token : sampling.stop_token_ids) {
    TRY_STATUS(check_token("stop_token_ids", token, bounds.vocab_size));
  }
  return {};
}

Checked check_grammar(const GrammarConstraint& constraint, const RequestBounds& bounds) {
  const auto check_vocabulary = [&](const std::shared_ptr<const CompiledGrammar>& grammar) -> Checked {
    if (grammar == nullptr) return bad_request("a request is to obey a grammar, and there is none");
    if (grammar->vocab_size() == bounds.text_vocab_size) return {};
    return bad_request("the grammar was compiled for a vocabulary of {}, this model's has {}", grammar->vocab_size(),
                       bounds.text_vocab_size);
  };
  if (constraint.triggered.empty()) {
    TRY_STATUS(check_vocabulary(constraint.grammar));
  } else if (constraint.grammar != nullptr) {
    return bad_request("an output that obeys one grammar as a whole cannot come to others");
  }
  for (const TriggeredGrammar& triggered : constraint.triggered) {
    if (triggered.trigger.empty()) return bad_request("a grammar's trigger must not be empty");
    TRY_STATUS(check_vocabulary(triggered.grammar));
  }
  const int64_t vocab_size = std::min(bounds.vocab_size, bounds.text_vocab_size);
  if (constraint.may_open_with) TRY_STATUS(check_token("grammar start", *constraint.may_open_with, vocab_size));
  for (const TokenId token : constraint.end_tokens) TRY_STATUS(check_token("grammar end", token, vocab_size));
  return {};
}

Checked check_output_so_far(const GenerationRequest& request, int64_t prompt_len, const RequestBounds& bounds) {
  const int64_t num_tokens = std::ssize(request.output_so_far);
  if (num_tokens == 0) return {};
  if (request.n != 1) return bad_request("n is {}: must be 1 for an output that goes on behind tokens", request.n);
  if (!request.until_context_end && num_tokens >= request.sampling.max_new_tokens) {
    return bad_request("output_so_far has {} tokens, max_tokens is {}", num_tokens, request.sampling.max_new_tokens);
  }
  if (prompt_len + num_tokens >= bounds.context_len) {
    return bad_request("output_so_far has {} tokens behind a prompt of {}, this model's context is {}", num_tokens,
                       prompt_len, bounds.context_len);
  }
  for (const TokenId token : request.output_so_far) {
    TRY_STATUS(check_token("output_so_far", token, bounds.text_vocab_size));
  }
  return {};
}

}  // namespace

Checked check_request(const GenerationRequest& request, const RequestBounds& bounds) {
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  TRY_STATUS(check_prompt(request, bounds));
  const int32_t start = request.sampling.prompt_logprobs_start;
  if (start < -1 || start > static_cast<int32_t>(prompt.size())) {
    return bad_request("prompt_logprobs_start is {}: must be from 0 to the prompt's {} tokens, or -1 for none", start,
                       prompt.size());
  }
  constexpr int32_t kMaxChoices = 1024;
  if (request.n < 1 || request.n > kMaxChoices) {
    return bad_request("n is {}: must be from 1 to {}", request.n, kMaxChoices);
  }
  for (const std::string& stop : request.stop_strings) {
    if (stop.empty()) return bad_request("stop: a stop string must not be empty");
  }
  if (request.dp_rank && (*request.dp_rank < 0 || *request.dp_rank >= bounds.num_groups)) {
    return bad_request("dp_rank is {}: must be from 0 to {}", *request.dp_rank, bounds.num_groups - 1);
  }
  if (request.dp_rank_strict && !request.dp_rank) {
    return bad_request("dp_rank_strict is true, and no dp_rank is given");
  }
  if (request.grammar) TRY_STATUS(check_grammar(*request.grammar, bounds));
  TRY_STATUS(check_output_so_far(request, std::ssize(prompt), bounds));
  return check_sampling(request.sampling, bounds);
}

}  // namespace braid
