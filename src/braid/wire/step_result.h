// A step's result for the publisher's scheduler: tokens or an error for each sequence that sampled or scored. Plain
// data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/parallel/exchange_counts.h"
#include "braid/request/ids.h"
#include "braid/request/sampled_token.h"

namespace braid {

struct SequenceResult {
  RequestId request = 0;
  SampledToken sampled;                      // only if the sequence samples
  std::vector<ScoredToken> prompt_logprobs;  // one for each token in the plan's scoring
  std::string error;            // not empty: the request ends with this error, and the other fields do not count
  bool has_bad_logits = false;  // the error is the model's: a logit is NaN or infinite
};

struct StepResult {
  uint64_t step = 0;
  std::vector<SequenceResult> sequences;  // those whose plan has_result(), in the plan's order
  ExchangeCounts exchange = {};
  double move_s = 0;  // of the step's time: for the plan's pages that leave and arrive
  double own_s = 0;   // of it: the group's own work (GroupLoad::own_seconds)
};

}  // namespace braid
