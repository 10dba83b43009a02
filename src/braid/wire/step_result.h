// What a step gives back to the publisher's scheduler: a token, or an error, for each sequence that sampled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/result.h"

namespace braid {

struct SequenceResult {
  RequestId request = 0;
  SampledToken sampled;
  std::string error;  // not empty: this request ends with it, and `sampled` counts nothing
};

struct StepResult {
  uint64_t step = 0;
  std::vector<SequenceResult> sequences;  // those with `samples` set in the plan, in its order
};

}  // namespace braid
