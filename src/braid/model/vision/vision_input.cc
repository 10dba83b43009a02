#include "braid/model/vision/vision_input.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace braid {
namespace {

// A coordinate in the table: the entries on both sides and the weight of each.
struct AxisTaps {
  std::array<int32_t, 2> index;
  std::array<float, 2> weight;
};

// In float32, in transformers' order of operations.
AxisTaps axis_taps(int32_t side, int32_t size, int32_t place) {
  const float at = static_cast<float>(place) * static_cast<float>(side - 1) / static_cast<float>(std::max(size - 1, 1));
  const float below = std::floor(at);
  const auto index = static_cast<int32_t>(below);
  const auto weight = [&](float offset) { return std::max(1.0F - std::abs(at - below - offset), 0.0F); };
  return {.index = {std::min(index, side - 1), std::min(index + 1, side - 1)}, .weight = {weight(0), weight(1)}};
}

}  // namespace

std::vector<PatchPlace> patch_places(const VisionConfig& config, const PatchGrid& grid) {
  const int32_t square = config.reads_squares() ? config.merge_size : 1;
  std::vector<PatchPlace> places;
  places.reserve(static_cast<size_t>(grid.rows) * static_cast<size_t>(grid.cols));
  for (int32_t top = 0; top < grid.rows; top += square) {
    for (int32_t left = 0; left < grid.cols; left += square) {
      for (int32_t row = top; row < top + square; ++row) {
        for (int32_t col = left; col < left + square; ++col) places.push_back({.row = row, .col = col});
      }
    }
  }
  return places;
}

WindowOrder window_order(const VisionConfig& config, const PatchGrid& grid) {
  const int32_t side = std::max(config.window_size / config.merge_size / config.patch_size, 1);
  const int32_t rows = grid.rows / config.merge_size;
  const int32_t cols = grid.cols / config.merge_size;
  WindowOrder order;
  for (int32_t frame = 0; frame < grid.frames; ++frame) {
    for (int32_t top = 0; top < rows; top += side) {
      for (int32_t left = 0; left < cols; left += side) {
        const int32_t bottom = std::min(top + side, rows);
        const int32_t right = std::min(left + side, cols);
        for (int32_t row = top; row < bottom; ++row) {
          for (int32_t col = left; col < right; ++col) order.tokens.push_back((frame * rows + row) * cols + col);
        }
        order.num_patches.push_back((bottom - top) * (right - left) * config.merge_size * config.merge_size);
      }
    }
  }
  return order;
}

PixelTable::PixelTable(const PixelNormalisation& normalisation) : values_(pixel_values(normalisation)) {
  for (size_t channel = 0; channel < values_.size(); ++channel) {
    std::ranges::transform(values_[channel], rounded_[channel].begin(), to_bfloat16);
  }
}

void PixelTable::write_patch(const VisionConfig& config, const ImagePatches& image, int64_t patch, Rows out,
                             int64_t row) const {
  const int64_t area = int64_t{config.patch_size} * config.patch_size;
  const uint8_t* const first = image.pixels.data() + patch * ImagePatches::kChannels * area;
  const auto write = [&](auto* to, const auto& tables) {
    for (size_t channel = 0; channel < tables.size(); ++channel) {
      const auto& table = tables[channel];
      for (int32_t frame = 0; frame < config.temporal_patch_size; ++frame) {
        const uint8_t* const pixels = first + std::min(frame, image.patch_frames - 1) * image.frame_bytes() +
                                      static_cast<int64_t>(channel) * area;
        for (int64_t i = 0; i < area; ++i) *to++ = table[pixels[i]];
      }
    }
  };
  if (out.dtype == DType::kFloat32) {
    write(out.row<float>(row), values_);
  } else {
    write(out.row<BFloat16>(row), rounded_);
  }
}

VisionAngles patch_angles(const VisionConfig& config, const PatchGrid& grid, std::span<const PatchPlace> places) {
  const int32_t quarter = config.head_dim() / 4;
  std::vector<float> frequencies;
  for (int32_t i = 0; i < quarter; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * quarter);
    frequencies.push_back(1.0F / std::pow(static_cast<float>(config.rope_theta), exponent));
  }
  // By place along an axis: the same for rows and columns.
  const int32_t longest = std::max(grid.rows, grid.cols);
  std::vector<float> cos;
  std::vector<float> sin;
  for (int32_t place = 0; place < longest; ++place) {
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(place) * frequency;
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
  }
  const auto frame_patches = std::ssize(places);
  const int64_t num_patches = frame_patches * grid.frames;
  VisionAngles angles{.cos = RowsBuffer(DType::kFloat32, num_patches, int64_t{2} * quarter),
                      .sin = RowsBuffer(DType::kFloat32, num_patches, int64_t{2} * quarter),
                      .rows = std::vector<int32_t>(static_cast<size_t>(num_patches))};
  std::iota(angles.rows.begin(), angles.rows.end(), 0);
  const Rows all_cos = angles.cos.first(num_patches);
  const Rows all_sin = angles.sin.first(num_patches);
  for (int64_t patch = 0; patch < num_patches; ++patch) {
    const PatchPlace& place = places[static_cast<size_t>(patch % frame_patches)];
    for (const auto& [at, first] : {std::pair{place.row, 0}, {place.col, quarter}}) {
      std::copy_n(cos.data() + int64_t{at} * quarter, quarter, all_cos.row<float>(patch) + first);
      std::copy_n(sin.data() + int64_t{at} * quarter, quarter, all_sin.row<float>(patch) + first);
    }
  }
  return angles;
}

TableTaps table_taps(int32_t side, const PatchGrid& grid, PatchPlace place) {
  const AxisTaps rows = axis_taps(side, grid.rows, place.row);
  const AxisTaps cols = axis_taps(side, grid.cols, place.col);
  TableTaps taps{};
  for (size_t i = 0; i < 4; ++i) {
    taps.index[i] = rows.index[i / 2] * side + cols.index[i % 2];
    taps.weight[i] = rows.weight[i / 2] * cols.weight[i % 2];
  }
  return taps;
}

}  // namespace braid
