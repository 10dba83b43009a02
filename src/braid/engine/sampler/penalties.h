// What changes single logits before a token is chosen: penalties for tokens that occurred, biases, forbidden tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/wire/step_plan.h"

namespace braid {

// Whether adjust_logits() would change anything: otherwise the row need not be copied.
bool adjusts_logits(const SamplingState& state);

// In this order, each in float32: the repetition penalty on every token of prompt and output (a positive logit is
// divided by it, another multiplied: Keskar et al., CTRL, arXiv 1909.05858, as in transformers); presence and frequency
// penalties on every token of the output (as OpenAI's API defines them); logit_bias; and -infinity for stop tokens
// before min_new_tokens. Tokens outside of the row are passed over. `counts` is scratch: all zero between calls.
void adjust_logits(std::span<float> row, const SamplingState& state, std::vector<int32_t>& counts);

}  // namespace braid
