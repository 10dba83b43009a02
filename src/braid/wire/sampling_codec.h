// Sampling parameters within the messages of this room (step_plan.fbs: Sampling).
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_plan_generated.h"

namespace braid {

// The parameters alone, and with what a step must know beside them.
flat::Offset<step_plan_format::Sampling> encode_sampling(flat::Builder& builder, const SamplingParams& params);
flat::Offset<step_plan_format::Sampling> encode_sampling(flat::Builder& builder, const SamplingState& state);

// Every value in its range. Nothing is said about prompt and output tokens: see decode_sampling_state.
Result<SamplingParams> decode_sampling_params(const step_plan_format::Sampling& from, int32_t vocab_size);
Result<SamplingState> decode_sampling_state(const step_plan_format::Sampling& from, int32_t vocab_size,
                                            int64_t context_len);

}  // namespace braid
