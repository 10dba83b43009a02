#include "braid/multimodal/patch_writer.h"

#include <cstring>
#include <utility>

#include "braid/base/check.h"

namespace braid {

PatchWriter::PatchWriter(const PatchGrid& grid, int32_t patch_size, int32_t square, const PixelRows& pixels)
    : square_(square), pixels_(pixels) {
  CHECK(grid.rows % square == 0 && grid.cols % square == 0, "{} x {} patches in squares of {}", grid.rows, grid.cols,
        square);
  patches_.grid = grid;
  patches_.patch_size = patch_size;
  const auto side = static_cast<size_t>(patch_size);
  patches_.pixels.resize(static_cast<size_t>(grid.count()) * channels_.size() * side * side);
  for (auto& channel : channels_) channel.resize(static_cast<size_t>(grid.cols) * side);
}

void PatchWriter::add_row(const uint8_t* rgb) {
  const PatchGrid& grid = patches_.grid;
  const auto side = static_cast<size_t>(patches_.patch_size);
  const size_t channel_bytes = side * side;
  const size_t patch_bytes = channels_.size() * channel_bytes;
  const int32_t row = num_rows_ / patches_.patch_size;
  const size_t offset = static_cast<size_t>(num_rows_ % patches_.patch_size) * side;
  CHECK(row < grid.rows, "more than {} rows of patches", grid.rows);
  ++num_rows_;
  pixels_.split_channels(rgb, int64_t{grid.cols} * patches_.patch_size, channels_[0].data(), channels_[1].data(),
                         channels_[2].data());
  const int32_t squares_a_row = grid.cols / square_;
  for (int32_t col = 0; col < grid.cols; ++col) {
    const int32_t square_index = row / square_ * squares_a_row + col / square_;
    const int32_t within = row % square_ * square_ + col % square_;
    uint8_t* out =
        patches_.pixels.data() +
        (static_cast<size_t>(square_index) * static_cast<size_t>(square_ * square_) + static_cast<size_t>(within)) *
            patch_bytes +
        offset;
    for (size_t c = 0; c < channels_.size(); ++c) {
      std::memcpy(out + c * channel_bytes, channels_[c].data() + static_cast<size_t>(col) * side, side);
    }
  }
}

ImagePatches PatchWriter::patches() && {
  CHECK(num_rows_ == patches_.grid.rows * patches_.patch_size, "{} rows of pixels", num_rows_);
  return std::move(patches_);
}

}  // namespace braid
