// Changes of single logits before a token is chosen: penalties for tokens that occurred, biases, forbidden tokens.
// Tested by sampler_test.cc and sampler_reference_test.cc.
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
// before min_new_tokens (but not in a masked row with no other token left). Tokens outside the row are skipped.
// `counts` is scratch: all zero between calls.
void adjust_logits(std::span<float> row, const SamplingState& state, std::vector<int32_t>& counts);

// row[id] = logits[id] where the mask's bit id (id % 32 of word id / 32) is set; -infinity elsewhere and beyond the
// mask's end. adjust_logits() leaves -infinity as it is, so a mask may be applied before or after it.
void copy_masked(std::span<const float> logits, std::span<const uint32_t> mask, std::span<float> row);

}  // namespace braid
