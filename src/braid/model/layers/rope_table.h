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

// Radians per position for each pair of rotated dimensions [rotary_dim / 2], computed in float32 as in transformers:
// default, `linear` (Chen et al., arXiv 2306.15595), `llama3` (Llama 3.1's frequency-dependent interpolation), `yarn`
// (Peng et al., arXiv 2309.00071). Last, factors for each frequency (longrope's, GGUF's) divide.
std::vector<float> rope_frequencies(const RopeConfig& config, int32_t rotary_dim);

// Positions of the group's rows in a step.
struct RopePositions {
  std::span<const int32_t> positions;
  // Whether a row's request uses longrope's long factors; empty: none does.
  std::span<const uint8_t> uses_long_rope = {};
  // With M-RoPE: `positions` are those in time, these the other two. Empty: the three are equal in every row.
  std::span<const int32_t> rows = {};
  std::span<const int32_t> cols = {};
};

// For each pair of rotated dimensions, whether it turns by the position in time (0), the row (1) or the column (2);
// empty without M-RoPE.
std::vector<uint8_t> mrope_axes(const RopeConfig& config, int32_t rotary_dim);

// Cosines and sines of every position of the context. They are computed when a position is first reached: the whole
// table takes 134 MB for a context of 262 144 tokens, and most requests are short. Ranks share one table; any thread
// may use it.
class RopeTable {
 public:
  RopeTable(const RopeConfig& config, int32_t rotary_dim, int64_t num_positions);

  // Rotates the first rotary_dim dimensions of each head of x [rows, heads * head_dim] float32, in place.
  void rotate(Ops& ops, Rows x, int32_t head_dim, const RopePositions& positions) const;

  // [num_positions, rotary_dim / 2] float32; only `rows` may be read. A row is a position. With long factors, position
  // p has row 2 p for the short ones and row 2 p + 1 for the long ones.
  struct Angles {
    ConstRows cos;
    ConstRows sin;
  };
  Angles angles(std::span<const int32_t> rows) const;

 private:
  Angles halves(int64_t num_rows) const;
  void compute_to(int64_t end) const;  // under mutex_
  void rotate_in_grid(Ops& ops, const Rows& x, int32_t head_dim, const RopePositions& positions) const;

  std::vector<uint8_t> axes_;                    // mrope_axes()
  std::vector<std::vector<float>> frequencies_;  // then those with long factors
  float scale_;                                  // multiplies cosines and sines
  RowsBuffer table_;  // a row's cosines, then its sines; on small pages, as a layer reads few rows
  mutable std::mutex mutex_;
  mutable std::atomic<int64_t> num_computed_ = 0;  // rows; computed rows never change
};

}  // namespace braid
