// A request as the scheduler and its queue know it: token ids, never text.
#pragma once

#include <cstdint>
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
};

}  // namespace braid
