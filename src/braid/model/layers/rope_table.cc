#include "braid/model/layers/rope_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

// Long wavelengths are stretched by `factor`, short ones kept, those between blended (_compute_llama3_parameters in
// transformers).
float llama3_frequency(float frequency, const RopeConfig& config) {
  const auto original = static_cast<double>(config.original_max_position);
  const double wavelength = 2.0 * std::numbers::pi / static_cast<double>(frequency);
  if (wavelength > original / config.low_freq_factor) return static_cast<float>(frequency / config.factor);
  if (wavelength < original / config.high_freq_factor) return frequency;
  const double smooth =
      (original / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor);
  return static_cast<float>((1.0 - smooth) * frequency / config.factor + smooth * frequency);
}

// The range of dimensions over which YaRN goes from unchanged frequencies to those of a stretched context. It begins
// where a dimension turns beta_fast times over the original context, and ends where it turns beta_slow times.
struct YarnRange {
  double low;
  double high;

  YarnRange(const RopeConfig& config, int32_t rotary_dim) {
    const auto dimension = [&](double turns) {
      const double positions_a_turn =
          static_cast<double>(config.original_max_position) / (turns * 2 * std::numbers::pi);
      return rotary_dim * std::log(positions_a_turn) / (2 * std::log(config.theta));
    };
    low = dimension(config.beta_fast);
    high = dimension(config.beta_slow);
    if (config.truncates_range) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, rotary_dim - 1.0);
    if (low == high) high += 0.001;
  }

  // How much dimension pair `i` is stretched: 0 not at all, 1 by the whole factor.
  double stretch(size_t i) const { return std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0); }
};

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& config, int32_t rotary_dim) {
  std::vector<float> frequencies(static_cast<size_t>(rotary_dim / 2));
  const YarnRange yarn(config, rotary_dim);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / rotary_dim;
    auto frequency = static_cast<float>(1.0 / std::pow(config.theta, exponent));
    if (config.kind == RopeConfig::Kind::kLinear) frequency = static_cast<float>(frequency / config.factor);
    if (config.kind == RopeConfig::Kind::kLlama3) frequency = llama3_frequency(frequency, config);
    if (config.kind == RopeConfig::Kind::kYarn) {
      const double stretch = yarn.stretch(i);
      frequency = static_cast<float>(frequency / config.factor * stretch + frequency * (1 - stretch));
    }
    if (!config.frequency_factors.empty()) frequency /= config.frequency_factors[i];
    frequencies[i] = frequency;
  }
  return frequencies;
}

std::vector<uint8_t> mrope_axes(const RopeConfig& config, int32_t rotary_dim) {
  if (!config.has_mrope()) return {};
  const auto& [num_times, num_rows, num_cols] = config.mrope_sections;
  std::vector<uint8_t> axes(static_cast<size_t>(rotary_dim / 2));
  for (int32_t i = 0; i < rotary_dim / 2; ++i) {
    uint8_t& axis = axes[static_cast<size_t>(i)];
    if (config.interleaves_mrope) {  // time, row, column, time, … as long as rows and columns have pairs left
      axis = static_cast<uint8_t>(i % 3);
      if ((axis == 1 && i >= 3 * num_rows) || (axis == 2 && i >= 3 * num_cols)) axis = 0;
    } else {
      axis = i < num_times ? 0 : i < num_times + num_rows ? 1 : 2;
    }
  }
  return axes;
}

namespace {

void rotate_heads(Ops& ops, const Rows& x, int32_t head_dim, std::span<const int32_t> rows,
                  const RopeTable::Angles& table) {
  const auto rotary_dim = static_cast<int32_t>(2 * table.cos.cols);
  if (rotary_dim == head_dim) return ops.rope(x, head_dim, rows, table.cos, table.sin);
  for (int64_t first = 0; first < x.cols; first += head_dim) {
    ops.rope(x.slice_cols(first, rotary_dim), rotary_dim, rows, table.cos, table.sin);
  }
}

}  // namespace

RopeTable::RopeTable(const RopeConfig& config, int32_t rotary_dim, int64_t num_positions)
    : axes_(mrope_axes(config, rotary_dim)),
      frequencies_{rope_frequencies(config, rotary_dim)},
      scale_(static_cast<float>(config.attention_factor)) {
  if (!config.long_factors.empty()) {
    RopeConfig of_long = config;
    of_long.frequency_factors = config.long_factors;
    frequencies_.push_back(rope_frequencies(of_long, rotary_dim));
  }
  const int64_t num_rows = num_positions * static_cast<int64_t>(frequencies_.size());
  table_ = RowsBuffer(DType::kFloat32, num_rows, int64_t{rotary_dim / 2} * 2, PageSize::kSmall);
}

void RopeTable::rotate(Ops& ops, Rows x, int32_t head_dim, const RopePositions& positions) const {
  if (!positions.rows.empty()) return rotate_in_grid(ops, x, head_dim, positions);
  std::vector<int32_t> own_rows;
  std::span<const int32_t> rows = positions.positions;
  if (frequencies_.size() > 1) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool is_long = !positions.uses_long_rope.empty() && positions.uses_long_rope[i] != 0;
      own_rows.push_back(2 * rows[i] + (is_long ? 1 : 0));
    }
    rows = own_rows;
  }
  rotate_heads(ops, x, head_dim, rows, angles(rows));
}

// Each row gets a row of cosines and of sines of its own, put together from up to three positions of the table. So text
// has the bits that it has without images.
void RopeTable::rotate_in_grid(Ops& ops, const Rows& x, int32_t head_dim, const RopePositions& positions) const {
  CHECK(!axes_.empty(), "positions in a grid, and the model has no M-RoPE");
  const std::array<std::span<const int32_t>, 3> by_axis = {positions.positions, positions.rows, positions.cols};
  for (const auto& of_axis : by_axis) CHECK(std::ssize(of_axis) == x.rows, "{} positions", of_axis.size());
  for (const auto& of_axis : by_axis) angles(of_axis);  // computes what is missing
  const Angles table = angles(positions.positions);
  const int64_t num_pairs = table.cos.cols;
  std::vector<float> cos(static_cast<size_t>(x.rows * num_pairs));
  std::vector<float> sin(cos.size());
  std::vector<int32_t> own_rows(static_cast<size_t>(x.rows));
  ops.parallel_for(x.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      own_rows[static_cast<size_t>(row)] = static_cast<int32_t>(row);
      for (int64_t i = 0; i < num_pairs; ++i) {
        const int32_t position = by_axis[axes_[static_cast<size_t>(i)]][static_cast<size_t>(row)];
        const auto at = static_cast<size_t>(row * num_pairs + i);
        cos[at] = table.cos.row<float>(position)[i];
        sin[at] = table.sin.row<float>(position)[i];
      }
    }
  });
  rotate_heads(ops, x, head_dim, own_rows,
               {.cos = make_rows(std::as_const(cos).data(), x.rows, num_pairs),
                .sin = make_rows(std::as_const(sin).data(), x.rows, num_pairs)});
}

RopeTable::Angles RopeTable::angles(std::span<const int32_t> rows) const {
  int64_t end = 0;
  for (const int32_t row : rows) {
    CHECK(row >= 0 && row < table_.max_rows(), "row {} of {}", row, table_.max_rows());
    end = std::max<int64_t>(end, int64_t{row} + 1);
  }
  if (end > num_computed_.load(std::memory_order_acquire)) {
    const std::scoped_lock lock(mutex_);
    if (end > num_computed_.load(std::memory_order_relaxed)) compute_to(end);
  }
  return halves(table_.max_rows());
}

RopeTable::Angles RopeTable::halves(int64_t num_rows) const {
  const Rows rows = table_.first(num_rows);
  return {.cos = rows.slice_cols(0, rows.cols / 2), .sin = rows.slice_cols(rows.cols / 2, rows.cols / 2)};
}

void RopeTable::compute_to(int64_t end) const {
  constexpr int64_t kStep = 1024;  // rows at a time: some milliseconds
  end = std::min((end + kStep - 1) / kStep * kStep, table_.max_rows());
  const Rows rows = table_.first(end);
  const auto num_kinds = static_cast<int64_t>(frequencies_.size());
  for (int64_t row = num_computed_.load(std::memory_order_relaxed); row < end; ++row) {
    const auto position = static_cast<float>(row / num_kinds);
    const std::vector<float>& frequencies = frequencies_[static_cast<size_t>(row % num_kinds)];
    for (size_t i = 0; i < frequencies.size(); ++i) {
      const float angle = position * frequencies[i];  // rounded to float32, as in transformers
      rows.row<float>(row)[i] = std::cos(angle) * scale_;
      rows.row<float>(row)[frequencies.size() + i] = std::sin(angle) * scale_;
    }
  }
  num_computed_.store(end, std::memory_order_release);
}

}  // namespace braid
