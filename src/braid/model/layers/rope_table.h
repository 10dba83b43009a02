// The angles of rotary embedding (Su et al., arXiv 2104.09864).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Radians a position for each pair of dimensions [head_dim / 2], as transformers computes them in float32: default,
// `linear` (Chen et al., arXiv 2306.15595), `llama3` (Llama 3.1's frequency-dependent interpolation); GGUF's frequency
// factors divide last.
std::vector<float> rope_frequencies(const RopeConfig& config, int32_t head_dim);

// Cosines and sines of every position of the context, computed as the positions are first reached: the whole table is
// 134 MB where the context is 262 144 tokens, and most requests are short. Any threads may use it: ranks share one.
class RopeTable {
 public:
  RopeTable(const RopeConfig& config, int32_t head_dim, int64_t num_positions);

  // [num_positions, head_dim / 2] float32, of which the rows of `positions` may be read.
  struct Angles {
    ConstRows cos;
    ConstRows sin;
  };
  Angles angles(std::span<const int32_t> positions) const;

 private:
  void compute_to(int64_t end) const;  // under mutex_

  std::vector<float> frequencies_;
  RowsBuffer cos_;
  RowsBuffer sin_;
  mutable std::mutex mutex_;
  mutable std::atomic<int64_t> num_computed_ = 0;  // rows; what is there never changes
};

}  // namespace braid
