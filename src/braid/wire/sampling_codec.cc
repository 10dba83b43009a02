#include "braid/wire/sampling_codec.h"

#include <cmath>
#include <utility>
#include <vector>

namespace braid {
namespace {

using Sampling = step_plan_format::Sampling;

// The rest of a SamplingState beside its parameters; its lists are already in the builder.
struct StateParts {
  int32_t num_prompt_tokens = 0;
  int32_t num_output_tokens = 0;
  flat::VectorOffset<int32_t> prompt_tokens;
  flat::VectorOffset<int32_t> output_tokens;
  bool is_masked = false;
};

flat::Offset<Sampling> add_sampling(flat::Builder& builder, const SamplingParams& params, const StateParts& state) {
  flatbuffers::Offset<flatbuffers::Vector<const step_plan_format::LogitBias*>> bias_at;
  if (!params.logit_bias.empty()) {
    std::vector<step_plan_format::LogitBias> bias;
    bias.reserve(params.logit_bias.size());
    for (const auto& [token, value] : params.logit_bias) bias.emplace_back(token, value);
    bias_at = builder.CreateVectorOfStructs(bias);
  }
  const auto stop_at = flat::add_list(builder, params.stop_token_ids);
  return step_plan_format::CreateSampling(
      builder, params.temperature, params.top_k, params.top_p, params.min_p, params.repetition_penalty,
      params.presence_penalty, params.frequency_penalty, bias_at, params.seed, params.max_new_tokens,
      params.min_new_tokens, stop_at, params.logprobs, params.top_logprobs, state.num_prompt_tokens,
      state.num_output_tokens, state.prompt_tokens, state.output_tokens, params.prompt_logprobs_start, state.is_masked);
}

Status check_params(const SamplingParams& params) {
  const bool ok = std::isfinite(params.temperature) && params.temperature >= 0 && params.top_k >= 0 &&
                  params.top_p > 0 && params.top_p <= 1 && params.min_p >= 0 && params.min_p <= 1 &&
                  std::isfinite(params.repetition_penalty) && params.repetition_penalty > 0 &&
                  std::isfinite(params.presence_penalty) && std::isfinite(params.frequency_penalty) &&
                  params.max_new_tokens >= 0 && params.min_new_tokens >= 0 && params.top_logprobs >= 0 &&
                  params.prompt_logprobs_start >= -1;
  if (!ok) return fail("a sampling parameter is out of its range");
  return {};
}

}  // namespace

flat::Offset<Sampling> encode_sampling(flat::Builder& builder, const SamplingParams& params) {
  return add_sampling(builder, params, {});
}

flat::Offset<Sampling> encode_sampling(flat::Builder& builder, const SamplingState& state) {
  const StateParts parts{.num_prompt_tokens = state.num_prompt_tokens,
                         .num_output_tokens = state.num_output_tokens,
                         .prompt_tokens = flat::add_list(builder, state.prompt_tokens),
                         .output_tokens = flat::add_list(builder, state.output_tokens),
                         .is_masked = state.is_masked};
  return add_sampling(builder, state.params, parts);
}

Result<SamplingParams> decode_sampling_params(const Sampling& from, int32_t vocab_size) {
  SamplingParams params;
  params.temperature = from.temperature();
  params.top_k = from.top_k();
  params.top_p = from.top_p();
  params.min_p = from.min_p();
  params.repetition_penalty = from.repetition_penalty();
  params.presence_penalty = from.presence_penalty();
  params.frequency_penalty = from.frequency_penalty();
  TRY_STATUS(flat::check_count(from.logit_bias(), "biases", vocab_size));
  if (from.logit_bias() != nullptr) {
    for (const step_plan_format::LogitBias* bias : *from.logit_bias()) {
      if (std::isnan(bias->bias())) return fail("the bias of token {} is NaN", bias->token());
      params.logit_bias.emplace_back(bias->token(), bias->bias());
    }
  }
  params.seed = from.seed();
  params.max_new_tokens = from.max_new_tokens();
  params.min_new_tokens = from.min_new_tokens();
  TRY_STATUS(flat::check_count(from.stop_token_ids(), "stop tokens", vocab_size));
  params.stop_token_ids = flat::copy_of(from.stop_token_ids());
  params.logprobs = from.logprobs();
  params.top_logprobs = from.top_logprobs();
  params.prompt_logprobs_start = from.prompt_logprobs_start();
  TRY_STATUS(check_params(params));
  return params;
}

Result<SamplingState> decode_sampling_state(const Sampling& from, int32_t vocab_size, int64_t context_len) {
  SamplingState state;
  TRY(state.params, decode_sampling_params(from, vocab_size));
  state.num_prompt_tokens = from.num_prompt_tokens();
  state.num_output_tokens = from.num_output_tokens();
  state.is_masked = from.is_masked();
  if (state.num_prompt_tokens < 0 || state.num_output_tokens < 0) {
    return fail("a sampling parameter is out of its range");
  }
  TRY(state.prompt_tokens, flat::decode_tokens(from.prompt_tokens(), "prompt tokens", context_len, vocab_size));
  TRY(state.output_tokens, flat::decode_ids(from.output_tokens(), "output tokens", context_len, vocab_size));
  return state;
}

}  // namespace braid
