// For tests that need a step's result but no model: each request's tokens count up from `first_token`.
#pragma once

#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid::testing {

inline StepResult counted_result(const StepPlan& plan, TokenId first_token = 0) {
  StepResult result{.step = plan.step};
  for (const SequencePlan& sequence : plan.sequences) {
    if (!sequence.has_result()) continue;
    const TokenId token = first_token + sequence.sampling.num_output_tokens;
    result.sequences.push_back({.request = sequence.request, .sampled = {.token = token}});
  }
  return result;
}

}  // namespace braid::testing
