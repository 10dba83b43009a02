#include "braid/multimodal/resize_taps.h"

#include <algorithm>
#include <cmath>

#include "braid/base/check.h"

namespace braid {
namespace {

double filter_weight(ResizeFilter filter, double x) {
  x = std::abs(x);
  if (filter == ResizeFilter::kBilinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double kA = -0.5;
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

// The most bits behind the point with which the largest weight fits into 16 bits.
int32_t largest_shift(double max_weight) {
  constexpr int32_t kMaxShift = 22;
  int32_t shift = 0;
  while (shift < kMaxShift && static_cast<int32_t>(0.5 + max_weight * (1 << (shift + 1))) < (1 << 15)) ++shift;
  return shift;
}

}  // namespace

ResizeTaps resize_taps(int32_t input_len, int32_t output_len, ResizeFilter filter) {
  CHECK(input_len > 0 && output_len > 0, "resize {} to {}", input_len, output_len);
  const double scale = static_cast<double>(input_len) / output_len;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (filter == ResizeFilter::kBilinear ? 1.0 : 2.0) * filter_scale;
  ResizeTaps taps;
  taps.num_outputs = output_len;
  taps.stride = static_cast<int32_t>(std::ceil(support)) * 2 + 1;
  const auto num_outputs = static_cast<size_t>(output_len);
  const auto stride = static_cast<size_t>(taps.stride);
  std::vector<double> weights(num_outputs * stride, 0.0);
  double max_weight = 0.0;
  for (size_t i = 0; i < num_outputs; ++i) {
    const double centre = scale * (static_cast<double>(i) + 0.5);
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), input_len);
    const int64_t count = std::clamp<int64_t>(end - first, 0, taps.stride);
    taps.first.push_back(static_cast<int32_t>(first));
    taps.count.push_back(static_cast<int32_t>(count));
    double* row = &weights[i * stride];
    double total = 0.0;
    for (int64_t k = 0; k < count; ++k) {
      row[k] = filter_weight(filter, (static_cast<double>(k + first) - centre + 0.5) * (1.0 / filter_scale));
      total += row[k];
    }
    if (total == 0.0) continue;
    for (int64_t k = 0; k < count; ++k) {
      row[k] /= total;
      max_weight = std::max(max_weight, row[k]);
    }
  }
  taps.shift = largest_shift(max_weight);
  const double one = 1 << taps.shift;
  taps.weights.reserve(weights.size());
  for (const double weight : weights) {
    taps.weights.push_back(static_cast<int16_t>(weight * one + (weight < 0.0 ? -0.5 : 0.5)));
  }
  return taps;
}

}  // namespace braid
