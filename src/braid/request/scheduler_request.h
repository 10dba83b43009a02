// A request as the scheduler, its queue and the wire know it: token ids, never text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/sampling_params.h"

namespace braid {

struct SchedulerRequest {
  RequestId id = 0;
  std::vector<TokenId> prompt;
  SamplingParams sampling;  // its seed is this choice's own
  int32_t priority = 0;     // higher first, under the policy of that name
  uint64_t arrival = 0;     // unique, counting up: who came first
  bool is_masked = false;   // its tokens must be those that a grammar allows

  bool operator==(const SchedulerRequest&) const = default;

  // The first prompt token to be scored: by the logits of the one before it. The prompt's length: none.
  int64_t first_scored() const {
    const auto prompt_len = static_cast<int64_t>(prompt.size());
    if (sampling.prompt_logprobs_start < 0) return prompt_len;
    return std::min(std::max<int64_t>(sampling.prompt_logprobs_start, 1), prompt_len);
  }
  // What the prefix cache may be asked for: what comes before the first token whose logits are needed, and that one.
  std::span<const TokenId> reusable_prompt() const {
    return std::span(prompt).first(static_cast<size_t>(first_scored()));
  }
};

}  // namespace braid
