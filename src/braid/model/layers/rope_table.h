// The angles of rotary embedding for every position of the context (Su et al., arXiv 2104.09864).
#pragma once

#include <cstdint>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Radians a position for each pair of dimensions [head_dim / 2], as transformers computes them in float32: default,
// `linear` (Chen et al., arXiv 2306.15595), `llama3` (Llama 3.1's frequency-dependent interpolation); GGUF's frequency
// factors divide last.
std::vector<float> rope_frequencies(const RopeConfig& config, int32_t head_dim);

struct RopeTable {
  RopeTable(const RopeConfig& config, int32_t head_dim, int64_t num_positions);

  RowsBuffer cos;  // [num_positions, head_dim / 2] float32
  RowsBuffer sin;
};

}  // namespace braid
