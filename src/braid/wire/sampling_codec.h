// Encodes sampling parameters within the messages of wire/ (step_plan.fbs: Sampling). Tested by step_plan_codec_test.cc
// and assignment_map_codec_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_plan_generated.h"

namespace braid {

// The parameters alone, or with the sampling state that a step needs.
flat::Offset<step_plan_format::Sampling> encode_sampling(flat::Builder& builder, const SamplingParams& params);
flat::Offset<step_plan_format::Sampling> encode_sampling(flat::Builder& builder, const SamplingState& state);

// Every returned value is in its range. Prompt and output tokens are not decoded here: see decode_sampling_state.
Result<SamplingParams> decode_sampling_params(const step_plan_format::Sampling& from, int32_t vocab_size);
Result<SamplingState> decode_sampling_state(const step_plan_format::Sampling& from, int32_t vocab_size,
                                            int64_t context_len);

}  // namespace braid
