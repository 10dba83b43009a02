// The angles of rotary embedding (Su et al., arXiv 2104.09864).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/kernels/ops.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Radians a position for each pair of rotated dimensions [rotary_dim / 2], as transformers computes them in float32:
// default, `linear` (Chen et al., arXiv 2306.15595), `llama3` (Llama 3.1's frequency-dependent interpolation), `yarn`
// (Peng et al., arXiv 2309.00071); factors for each frequency (longrope's, GGUF's) divide last.
std::vector<float> rope_frequencies(const RopeConfig& config, int32_t rotary_dim);

// The group's rows of a step, as rope sees them.
struct RopePositions {
  std::span<const int32_t> positions;
  std::span<const uint8_t> uses_long_rope =
      {};  // whether a row's request has longrope's long factors; empty: none does
};

// Cosines and sines of every position of the context, computed as the positions are first reached: the whole table is
// 134 MB where the context is 262 144 tokens, and most requests are short. Any threads may use it: ranks share one.
class RopeTable {
 public:
  RopeTable(const RopeConfig& config, int32_t rotary_dim, int64_t num_positions);

  // Rotates the first rotary_dim dimensions of each head of x [rows, heads * head_dim] float32, in place.
  void rotate(Ops& ops, Rows x, int32_t head_dim, const RopePositions& positions) const;

  // [num_positions, rotary_dim / 2] float32, of which `rows` may be read. A row is a position; where there are long
  // factors, position p has row 2 p by the short and 2 p + 1 by the long ones.
  struct Angles {
    ConstRows cos;
    ConstRows sin;
  };
  Angles angles(std::span<const int32_t> rows) const;

 private:
  void compute_to(int64_t end) const;  // under mutex_

  std::vector<std::vector<float>> frequencies_;  // and those by long factors
  float scale_;                                  // of cosines and sines
  RowsBuffer cos_;
  RowsBuffer sin_;
  mutable std::mutex mutex_;
  mutable std::atomic<int64_t> num_computed_ = 0;  // rows; what is there never changes
};

}  // namespace braid
