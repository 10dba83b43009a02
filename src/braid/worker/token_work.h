// How a model's work on a token divides between attention and all else, by FLOPs. Pure.
#pragma once

#include <cstdint>

#include "braid/config/model_config.h"

namespace braid {

// Attention to so many positions is as much work as the rest of a token: 3 840 in Qwen3-0.6B, 26 624 in Llama-3.1-8B.
// Layers with a window count as if they had no attention; kMaxInt32 if all have one.
int32_t positions_of_a_token(const ModelConfig& config);

}  // namespace braid
