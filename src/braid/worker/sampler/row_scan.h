// Passes over a whole row of logits. Every result has the same bits on every processor: sums run in 16 lanes of double
// by position, the lanes are added in order, and no multiply-add is fused. Tested by sampler_test.cc.
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

// Weights are summed over blocks of this many ids, so that a draw first finds its block of the row.
constexpr int64_t kWeightBlock = 1024;

// weights[i] = exp((row[i] - max) / temperature), within 2 ulp, 0 below exp(-87); block_sums: [ceil(n / kWeightBlock)].
void exp_weights(std::span<const float> row, float max, float temperature, std::span<float> weights,
                 std::vector<double>& block_sums);

// log(sum(exp(row))), for a row with maximum `max`.
double log_sum_exp(std::span<const float> row, float max);

// Sets `indices` to those of all values >= threshold, in order. No NaN.
void collect_at_least(std::span<const float> row, float threshold, std::vector<int32_t>& indices);

// The maxima of a partition of the row into parts of at most 64 values; which values share a part has no meaning.
void group_maxima(std::span<const float> row, std::vector<float>& maxima);

// The inner loops, compiled for one vector width. All widths compute the same bits.
struct RowScans {
  // The largest value, -infinity if there is none; sets has_nan if there is a NaN.
  float (*max_of)(const float* row, int64_t count, bool& has_nan) = nullptr;
  // The sum of exp((row - max) * scale); writes the terms if `weights` is not null.
  double (*exp_block)(const float* row, int64_t count, float max, float scale, float* weights) = nullptr;
  // maxima[j] = the largest of row[j], row[j + 64], …
  void (*lane_maxima)(const float* row, int64_t count, float* maxima) = nullptr;
  // Writes `first` plus the indices of values >= threshold; returns how many. Touches up to `count` numbers of `out`.
  int64_t (*collect)(const float* row, int64_t count, float threshold, int32_t first, int32_t* out) = nullptr;
};
// The widths that this processor can run, narrowest first; the last is used.
std::span<const RowScans> row_scans();

}  // namespace braid
