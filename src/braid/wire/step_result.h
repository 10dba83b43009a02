// What a step gives back to the publisher's scheduler: for each sequence that sampled or scored its tokens, or an
// error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/sampled_token.h"

namespace braid {

struct SequenceResult {
  RequestId request = 0;
  SampledToken sampled;                      // only if it samples
  std::vector<ScoredToken> prompt_logprobs;  // one for each token that the plan's scoring lists
  std::string error;                         // not empty: this request ends with it, and nothing else here counts
};

struct StepResult {
  uint64_t step = 0;
  std::vector<SequenceResult> sequences;  // those whose plan has_result(), in its order
};

}  // namespace braid
