// Passes over a whole row of logits. Each result has the same bits on every processor: sums are taken in 16 lanes of
// double by position, which are then added in order, and no multiply-add is fused.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "braid/kernels/row_max.h"

namespace braid {

// The logit of a token that cannot be drawn.
inline constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

RowMax find_max(std::span<const float> row);

// The weights' sums over each of these many ids: a draw finds its part of the row first.
constexpr int64_t kWeightBlock = 1024;

// weights[i] = exp((row[i] - max) / temperature), within 2 ulp, 0 below exp(-87); block_sums: [ceil(n / kWeightBlock)].
void exp_weights(std::span<const float> row, float max, float temperature, std::span<float> weights,
                 std::vector<double>& block_sums);

// log(sum(exp(row))), for a row with maximum `max`.
double log_sum_exp(std::span<const float> row, float max);

// Sets `indices` to those of all values >= threshold, in order. No NaN.
void collect_at_least(std::span<const float> row, float threshold, std::vector<int32_t>& indices);

// The maxima of a partition of the row into groups of at most 64 values (which values share a group is of no meaning).
void group_maxima(std::span<const float> row, std::vector<float>& maxima);

// The inner loops, compiled for one width of vectors. All widths give the same bits.
struct RowScans {
  // The largest value, -infinity if there is none; sets has_nan if it meets one.
  float (*max_of)(const float* row, int64_t count, bool& has_nan) = nullptr;
  // The sum of exp((row - max) * scale); writes the terms if `weights` is not null.
  double (*exp_block)(const float* row, int64_t count, float max, float scale, float* weights) = nullptr;
  // maxima[j] = the largest of row[j], row[j + 64], …
  void (*lane_maxima)(const float* row, int64_t count, float* maxima) = nullptr;
  // Writes `first` plus the indices of values >= threshold; returns how many. Touches up to `count` numbers of `out`.
  int64_t (*collect)(const float* row, int64_t count, float threshold, int32_t first, int32_t* out) = nullptr;
};
// Those that this processor can run, narrowest first; the last is used.
std::span<const RowScans> row_scans();

}  // namespace braid
