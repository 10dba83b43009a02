// A decoding sequence between two groups: all that the one's scheduler knows of it and the other's must, but its pages.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"

namespace braid {

struct MovedSequence {
  SchedulerRequest request;
  std::vector<TokenId> output;  // so far; at least one
  int32_t cached_tokens = 0;    // of its prompt, where it first ran
};

// What Scheduler::depart() gives. The pages hold the keys and values of all its tokens but the last, in order.
struct Departure {
  MovedSequence sequence;
  std::vector<PageId> pages;
};

}  // namespace braid
