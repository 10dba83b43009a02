#include "braid/model/layers/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "braid/base/check.h"

namespace braid {
namespace {

// Long wavelengths are stretched by `factor`, short ones kept, those between blended (transformers'
// _compute_llama3_parameters).
float llama3_frequency(float frequency, const RopeConfig& config) {
  const auto original = static_cast<double>(config.original_max_position);
  const double wavelength = 2.0 * std::numbers::pi / static_cast<double>(frequency);
  if (wavelength > original / config.low_freq_factor) return static_cast<float>(frequency / config.factor);
  if (wavelength < original / config.high_freq_factor) return frequency;
  const double smooth =
      (original / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor);
  return static_cast<float>((1.0 - smooth) * frequency / config.factor + smooth * frequency);
}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& config, int32_t head_dim) {
  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / head_dim;
    auto frequency = static_cast<float>(1.0 / std::pow(config.theta, exponent));
    if (config.kind == RopeConfig::Kind::kLinear) frequency = static_cast<float>(frequency / config.factor);
    if (config.kind == RopeConfig::Kind::kLlama3) frequency = llama3_frequency(frequency, config);
    if (!config.frequency_factors.empty()) frequency /= config.frequency_factors[i];
    frequencies[i] = frequency;
  }
  return frequencies;
}

RopeTable::RopeTable(const RopeConfig& config, int32_t head_dim, int64_t num_positions)
    : frequencies_(rope_frequencies(config, head_dim)),
      cos_(DType::kFloat32, num_positions, head_dim / 2),
      sin_(DType::kFloat32, num_positions, head_dim / 2) {}

RopeTable::Angles RopeTable::angles(std::span<const int32_t> positions) const {
  int64_t end = 0;
  for (const int32_t position : positions) {
    CHECK(position >= 0 && position < cos_.max_rows(), "position {} of {}", position, cos_.max_rows());
    end = std::max<int64_t>(end, position + 1);
  }
  if (end > num_computed_.load(std::memory_order_acquire)) {
    const std::scoped_lock lock(mutex_);
    if (end > num_computed_.load(std::memory_order_relaxed)) compute_to(end);
  }
  return {.cos = cos_.first(cos_.max_rows()), .sin = sin_.first(sin_.max_rows())};
}

void RopeTable::compute_to(int64_t end) const {
  constexpr int64_t kStep = 1024;  // positions at once: some milliseconds
  end = std::min((end + kStep - 1) / kStep * kStep, cos_.max_rows());
  const Rows cos_rows = cos_.first(end);
  const Rows sin_rows = sin_.first(end);
  for (int64_t position = num_computed_.load(std::memory_order_relaxed); position < end; ++position) {
    for (size_t i = 0; i < frequencies_.size(); ++i) {
      const float angle = static_cast<float>(position) * frequencies_[i];  // rounded to float32, as transformers does
      cos_rows.row<float>(position)[i] = std::cos(angle);
      sin_rows.row<float>(position)[i] = std::sin(angle);
    }
  }
  num_computed_.store(end, std::memory_order_release);
}

}  // namespace braid
