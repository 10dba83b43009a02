#include "braid/worker/sampler/row_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace braid {
namespace {

// One body, also compiled for wider vectors. The result does not depend on the width.
#if defined(__x86_64__) && defined(__GNUC__)
#define BRAID_WIDE_VECTORS 1
#define BRAID_BODY inline __attribute__((always_inline))
#define BRAID_AVX2 __attribute__((target("avx2")))
#define BRAID_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")))
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512bw") != 0;
}
#else
#define BRAID_BODY inline
#endif

constexpr int64_t kLanes = 16;     // of sums: part of their definition
constexpr int64_t kMaxLanes = 64;  // of maxima: enough to hide an instruction's latency

// exp(x) for x <= 0, 0 below -87: 2^n * exp(r) with |r| <= ln(2) / 2 and the Taylor polynomial of degree 7, whose
// error there is below 2^-25.
BRAID_BODY float exp_of_nonpositive(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, in the low bits
  const float clamped = x < -87.0F ? -87.0F : x;
  const float shifted = clamped * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r * r + r + 1.0F;
  const int32_t scale = (std::bit_cast<int32_t>(shifted) - 0x4b400000 + 127) << 23;
  const float value = p * std::bit_cast<float>(scale);
  return x < -87.0F ? 0.0F : value;
}

// lanes[j] = the largest of row[j], row[j + kMaxLanes], …
BRAID_BODY void lane_maxima_body(const float* row, int64_t count, float* lanes) {
  for (int64_t lane = 0; lane < kMaxLanes; ++lane) lanes[lane] = kMinusInfinity;
  int64_t i = 0;
  for (; i + kMaxLanes <= count; i += kMaxLanes) {
    for (int64_t lane = 0; lane < kMaxLanes; ++lane) {
      const float x = row[i + lane];
      lanes[lane] = x > lanes[lane] ? x : lanes[lane];
    }
  }
  for (int64_t lane = 0; i + lane < count; ++lane) lanes[lane] = std::max(lanes[lane], row[i + lane]);
}

BRAID_BODY float max_of_body(const float* row, int64_t count, bool& has_nan) {
  float lanes[kMaxLanes];
  int32_t nan_lanes[kMaxLanes] = {};
  for (int64_t lane = 0; lane < kMaxLanes; ++lane) lanes[lane] = kMinusInfinity;
  int64_t i = 0;
  for (; i + kMaxLanes <= count; i += kMaxLanes) {
    for (int64_t lane = 0; lane < kMaxLanes; ++lane) {
      const float x = row[i + lane];
      lanes[lane] = x > lanes[lane] ? x : lanes[lane];
      nan_lanes[lane] |= x != x ? 1 : 0;
    }
  }
  for (int64_t lane = 0; i + lane < count; ++lane) {
    const float x = row[i + lane];
    lanes[lane] = x > lanes[lane] ? x : lanes[lane];
    nan_lanes[lane] |= x != x ? 1 : 0;
  }
  float max = kMinusInfinity;
  int32_t any_nan = 0;
  for (int64_t lane = 0; lane < kMaxLanes; ++lane) {
    max = lanes[lane] > max ? lanes[lane] : max;
    any_nan |= nan_lanes[lane];
  }
  has_nan = has_nan || any_nan != 0;
  return max;
}

// Most stretches of 64 have no such value and are skipped with vector compares; the others are read without a branch.
BRAID_BODY int64_t collect_body(const float* row, int64_t count, float threshold, int32_t first, int32_t* out) {
  int64_t found = 0;
  int64_t i = 0;
  for (; i + kMaxLanes <= count; i += kMaxLanes) {
    int32_t any = 0;
    for (int64_t lane = 0; lane < kMaxLanes; ++lane) any |= row[i + lane] >= threshold ? 1 : 0;
    if (any == 0) continue;
    for (int64_t lane = 0; lane < kMaxLanes; ++lane) {
      out[found] = first + static_cast<int32_t>(i + lane);
      found += row[i + lane] >= threshold ? 1 : 0;
    }
  }
  for (; i < count; ++i) {
    out[found] = first + static_cast<int32_t>(i);
    found += row[i] >= threshold ? 1 : 0;
  }
  return found;
}

// The sum of exp((row - max) * scale). Writes the terms if `weights` is not null.
BRAID_BODY double exp_block_body(const float* row, int64_t count, float max, float scale, float* weights) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    float terms[kLanes];
    for (int64_t lane = 0; lane < kLanes; ++lane) terms[lane] = exp_of_nonpositive((row[i + lane] - max) * scale);
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += static_cast<double>(terms[lane]);
    if (weights != nullptr) {
      for (int64_t lane = 0; lane < kLanes; ++lane) weights[i + lane] = terms[lane];
    }
  }
  for (; i < count; ++i) {
    const float term = exp_of_nonpositive((row[i] - max) * scale);
    lanes[i % kLanes] += static_cast<double>(term);
    if (weights != nullptr) weights[i] = term;
  }
  double sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

// clang-format off
#define BRAID_ROW_SCANS(TARGET, NAME)                                                                              \
  TARGET float max_of_##NAME(const float* row, int64_t count, bool& has_nan) {                                     \
    return max_of_body(row, count, has_nan);                                                                       \
  }                                                                                                                \
  TARGET double exp_block_##NAME(const float* row, int64_t count, float max, float scale, float* weights) {        \
    return exp_block_body(row, count, max, scale, weights);                                                        \
  }                                                                                                                \
  TARGET void lane_maxima_##NAME(const float* row, int64_t count, float* maxima) {                                 \
    lane_maxima_body(row, count, maxima);                                                                          \
  }                                                                                                                \
  TARGET int64_t collect_##NAME(const float* row, int64_t count, float threshold, int32_t first, int32_t* out) {   \
    return collect_body(row, count, threshold, first, out);                                                        \
  }                                                                                                                \
  constexpr RowScans k_##NAME{.max_of = max_of_##NAME, .exp_block = exp_block_##NAME,                              \
                              .lane_maxima = lane_maxima_##NAME, .collect = collect_##NAME};
// clang-format on
BRAID_ROW_SCANS(, plain)
#ifdef BRAID_WIDE_VECTORS
BRAID_ROW_SCANS(BRAID_AVX2, avx2)
BRAID_ROW_SCANS(BRAID_AVX512, avx512)
#endif

template <typename Visit>
void for_each_block(std::span<const float> row, int64_t block_len, Visit visit) {
  const auto total = static_cast<int64_t>(row.size());
  for (int64_t first = 0; first < total; first += block_len) visit(first, std::min(block_len, total - first));
}

}  // namespace

std::span<const RowScans> row_scans() {
#ifdef BRAID_WIDE_VECTORS
  static constexpr RowScans kScans[] = {k_plain, k_avx2, k_avx512};
  const size_t count = has_avx512() ? 3 : has_avx2() ? 2 : 1;
#else
  static constexpr RowScans kScans[] = {k_plain};
  const size_t count = 1;
#endif
  return std::span(kScans).first(count);
}

RowMax find_max(std::span<const float> row) {
  const RowScans scans = row_scans().back();
  RowMax best;
  int64_t best_first = -1;
  for_each_block(row, kWeightBlock, [&](int64_t first, int64_t count) {
    const float max = scans.max_of(row.data() + first, count, best.has_nan);
    if (max > best.value) {
      best.value = max;
      best_first = first;
    }
  });
  if (best_first < 0) return best;
  const auto found = std::find(row.begin() + best_first, row.end(), best.value);
  best.index = static_cast<int32_t>(found - row.begin());
  return best;
}

void exp_weights(std::span<const float> row, float max, float temperature, std::span<float> weights,
                 std::vector<double>& block_sums) {
  const RowScans scans = row_scans().back();
  block_sums.clear();
  const float scale = std::min(1.0F / temperature, std::numeric_limits<float>::max());
  for_each_block(row, kWeightBlock, [&](int64_t first, int64_t count) {
    block_sums.push_back(scans.exp_block(row.data() + first, count, max, scale, weights.data() + first));
  });
}

double log_sum_exp(std::span<const float> row, float max) {
  const RowScans scans = row_scans().back();
  double sum = 0;
  for_each_block(row, kWeightBlock, [&](int64_t first, int64_t count) {
    sum += scans.exp_block(row.data() + first, count, max, 1.0F, nullptr);
  });
  return static_cast<double>(max) + std::log(sum);
}

void collect_at_least(std::span<const float> row, float threshold, std::vector<int32_t>& indices) {
  indices.resize(row.size());
  const int64_t found =
      row_scans().back().collect(row.data(), static_cast<int64_t>(row.size()), threshold, 0, indices.data());
  indices.resize(static_cast<size_t>(found));
}

void group_maxima(std::span<const float> row, std::vector<float>& maxima) {
  const RowScans scans = row_scans().back();
  maxima.clear();
  float lanes[kMaxLanes];
  for_each_block(row, kMaxLanes * kMaxLanes, [&](int64_t first, int64_t count) {
    scans.lane_maxima(row.data() + first, count, lanes);
    maxima.insert(maxima.end(), lanes, lanes + std::min(count, kMaxLanes));
  });
}

}  // namespace braid
