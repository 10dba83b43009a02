// How a request's tokens are sampled. Plain data, validated at the edge.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

struct SamplingParams {
  float temperature = 1.0F;         // 0: greedy
  int32_t top_k = 0;                // 0: off
  float top_p = 1.0F;               // in (0, 1]
  float min_p = 0.0F;               // in [0, 1]
  float repetition_penalty = 1.0F;  // over prompt and output, > 0
  float presence_penalty = 0.0F;    // over output
  float frequency_penalty = 0.0F;   // over output
  std::vector<std::pair<TokenId, float>> logit_bias;
  uint64_t seed = 0;
  int32_t max_new_tokens = 128;
  int32_t min_new_tokens = 0;           // no stop token is drawn before this many tokens
  std::vector<TokenId> stop_token_ids;  // includes the model's own end-of-sequence ids, unless they are ignored
  bool logprobs = false;                // of each chosen token
  int32_t top_logprobs = 0;             // this many alternatives for each token
  int32_t prompt_logprobs_start = -1;   // also for prompt tokens from this position on (never the first); -1: no

  bool operator==(const SamplingParams&) const = default;
};

}  // namespace braid
