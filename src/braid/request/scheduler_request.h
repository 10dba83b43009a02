// A request as the scheduler, its queue and wire/ know it: token ids, never text. Tested by
// scheduler/scheduler_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/request_image.h"
#include "braid/request/sampling_params.h"

namespace braid {

struct SchedulerRequest {
  RequestId id = 0;
  std::vector<TokenId> prompt;
  SamplingParams sampling;                // its seed is this choice's own
  int32_t priority = 0;                   // higher first; 0 unless the policy is `priority`
  uint64_t arrival = 0;                   // unique and increasing: the order of arrival
  bool is_masked = false;                 // a grammar restricts its tokens
  std::vector<RequestImage> images = {};  // in the prompt, in order

  bool operator==(const SchedulerRequest&) const = default;

  // The first prompt token to be scored (by the logits of the token before it). The prompt's length if there is none.
  int64_t first_scored() const {
    const auto prompt_len = static_cast<int64_t>(prompt.size());
    if (sampling.prompt_logprobs_start < 0) return prompt_len;
    return std::min(std::max<int64_t>(sampling.prompt_logprobs_start, 1), prompt_len);
  }
  // The part of the prompt to look up in the prefix cache: up to and including the first token whose logits are needed.
  std::span<const TokenId> reusable_prompt() const {
    return std::span(prompt).first(static_cast<size_t>(first_scored()));
  }
};

}  // namespace braid
