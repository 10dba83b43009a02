#include "braid/api/request_check.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "braid/grammar/compiled_grammar.h"

namespace braid {
namespace {

// `lower` itself is allowed only if `is_closed`.
Status check_range(std::string_view name, float value, float lower, float upper, bool is_closed = true) {
  const bool is_above = is_closed ? value >= lower : value > lower;
  if (is_above && value <= upper) return {};  // not so for NaN
  return fail("{} is {}: must be {} {} and at most {}", name, value, is_closed ? "at least" : "above", lower, upper);
}

Status check_token(std::string_view name, TokenId token, int64_t vocab_size) {
  if (token >= 0 && token < vocab_size) return {};
  return fail("{}: token id {} is outside the vocabulary of {}", name, token, vocab_size);
}

Status check_sampling(const SamplingParams& sampling, const RequestBounds& bounds) {
  constexpr float kHuge = 1e6F;
  TRY_STATUS(check_range("temperature", sampling.temperature, 0.0F, kHuge));
  TRY_STATUS(check_range("top_p", sampling.top_p, 0.0F, 1.0F, false));
  TRY_STATUS(check_range("min_p", sampling.min_p, 0.0F, 1.0F));
  TRY_STATUS(check_range("repetition_penalty", sampling.repetition_penalty, 0.0F, kHuge, false));
  TRY_STATUS(check_range("presence_penalty", sampling.presence_penalty, -2.0F, 2.0F));
  TRY_STATUS(check_range("frequency_penalty", sampling.frequency_penalty, -2.0F, 2.0F));
  if (sampling.top_k < 0) return fail("top_k is {}: must be at least 1, or 0 for no limit", sampling.top_k);
  if (sampling.max_new_tokens < 0) return fail("max_tokens is {}: must be at least 0", sampling.max_new_tokens);
  if (sampling.min_new_tokens < 0 || sampling.min_new_tokens > sampling.max_new_tokens) {
    return fail("min_tokens is {}: must be from 0 to max_tokens ({})", sampling.min_new_tokens,
                sampling.max_new_tokens);
  }
  if (sampling.top_logprobs < 0 || sampling.top_logprobs > bounds.vocab_size) {
    return fail("top_logprobs is {}: must be from 0 to the vocabulary's {}", sampling.top_logprobs, bounds.vocab_size);
  }
  // The answer grows with prompt times alternatives.
  constexpr int32_t kMaxPromptAlternatives = 100;
  if (sampling.prompt_logprobs_start >= 0 && sampling.top_logprobs > kMaxPromptAlternatives) {
    return fail("top_logprobs is {}: must be from 0 to {} where the prompt's are asked for", sampling.top_logprobs,
                kMaxPromptAlternatives);
  }
  if (std::ssize(sampling.logit_bias) > bounds.vocab_size) {
    return fail("logit_bias has {} entries, the vocabulary {}", sampling.logit_bias.size(), bounds.vocab_size);
  }
  for (const auto& [token, bias] : sampling.logit_bias) {
    TRY_STATUS(check_token("logit_bias", token, bounds.vocab_size));
    TRY_STATUS(check_range("logit_bias", bias, -100.0F, 100.0F));
  }
  for (const TokenId token : sampling.stop_token_ids) {
    TRY_STATUS(check_token("stop_token_ids", token, bounds.vocab_size));
  }
  return {};
}

Status check_grammar(const GrammarConstraint& constraint, const RequestBounds& bounds) {
  const auto check_vocabulary = [&](const std::shared_ptr<const CompiledGrammar>& grammar) -> Status {
    if (grammar == nullptr) return fail("a request is to obey a grammar, and there is none");
    if (grammar->vocab_size() == bounds.text_vocab_size) return {};
    return fail("the grammar was compiled for a vocabulary of {}, this model's has {}", grammar->vocab_size(),
                bounds.text_vocab_size);
  };
  if (constraint.triggered.empty()) {
    TRY_STATUS(check_vocabulary(constraint.grammar));
  } else if (constraint.grammar != nullptr) {
    return fail("an output that obeys one grammar as a whole cannot come to others");
  }
  for (const TriggeredGrammar& triggered : constraint.triggered) {
    if (triggered.trigger.empty()) return fail("a grammar's trigger must not be empty");
    TRY_STATUS(check_vocabulary(triggered.grammar));
  }
  const int64_t vocab_size = std::min(bounds.vocab_size, bounds.text_vocab_size);
  if (constraint.may_open_with) TRY_STATUS(check_token("grammar start", *constraint.may_open_with, vocab_size));
  for (const TokenId token : constraint.end_tokens) TRY_STATUS(check_token("grammar end", token, vocab_size));
  return {};
}

}  // namespace

Status check_request(const GenerationRequest& request, const RequestBounds& bounds) {
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  if (prompt.empty()) return fail("the prompt has no tokens");
  if (static_cast<int64_t>(prompt.size()) > bounds.context_len) {
    return fail("prompt has {} tokens, this model's context is {}", prompt.size(), bounds.context_len);
  }
  for (const TokenId token : prompt) TRY_STATUS(check_token("prompt", token, bounds.vocab_size));
  const int32_t start = request.sampling.prompt_logprobs_start;
  if (start < -1 || start > static_cast<int32_t>(prompt.size())) {
    return fail("prompt_logprobs_start is {}: must be from 0 to the prompt's {} tokens, or -1 for none", start,
                prompt.size());
  }
  constexpr int32_t kMaxChoices = 1024;
  if (request.n < 1 || request.n > kMaxChoices) return fail("n is {}: must be from 1 to {}", request.n, kMaxChoices);
  for (const std::string& stop : request.stop_strings) {
    if (stop.empty()) return fail("stop: a stop string must not be empty");
  }
  if (request.dp_rank && (*request.dp_rank < 0 || *request.dp_rank >= bounds.num_groups)) {
    return fail("dp_rank is {}: must be from 0 to {}", *request.dp_rank, bounds.num_groups - 1);
  }
  if (request.dp_rank_strict && !request.dp_rank) return fail("dp_rank_strict is true, and no dp_rank is given");
  if (request.grammar) TRY_STATUS(check_grammar(*request.grammar, bounds));
  return check_sampling(request.sampling, bounds);
}

}  // namespace braid
