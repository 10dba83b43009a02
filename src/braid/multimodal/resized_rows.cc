#include "braid/multimodal/resized_rows.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr size_t kChannels = 3;

}  // namespace

// An axis whose length stays is not touched: a filter would leave it as it is.
ResizedRows::ResizedRows(const RgbImage& image, ImageSize size, ResizeFilter filter, const PixelRows& pixels)
    : image_(image),
      size_(size),
      pixels_(pixels),
      is_narrowed_(image.size.width != size.width),
      is_blended_(image.size.height != size.height) {
  const size_t row_bytes = kChannels * static_cast<size_t>(size.width);
  if (is_blended_) {
    down_ = resize_taps(image.size.height, size.height, filter);
    blended_.resize(static_cast<size_t>(down_.stride));
    row_.resize(row_bytes);
  }
  if (is_narrowed_) {
    across_ = resize_taps(image.size.width, size.width, filter);
    padded_.resize(kChannels * static_cast<size_t>(image.size.width) + PixelRows::kPadding);
    const size_t num_kept = is_blended_ ? static_cast<size_t>(down_.stride) : 1;
    narrowed_.assign(num_kept, std::vector<uint8_t>(row_bytes + PixelRows::kPadding));
  }
}

const uint8_t* ResizedRows::source_row(int32_t y) const {
  return image_.pixels.data() + kChannels * static_cast<size_t>(image_.size.width) * static_cast<size_t>(y);
}

const uint8_t* ResizedRows::narrowed_row(int32_t y) {
  if (!is_narrowed_) return source_row(y);
  num_narrowed_ = std::max(num_narrowed_, y + 1 - static_cast<int32_t>(narrowed_.size()));  // rows that nothing needs
  for (; num_narrowed_ <= y; ++num_narrowed_) {
    const uint8_t* source = source_row(num_narrowed_);
    std::copy_n(source, padded_.size() - PixelRows::kPadding, padded_.data());
    uint8_t* out = narrowed_[static_cast<size_t>(num_narrowed_) % narrowed_.size()].data();
    pixels_.resize_row(padded_.data(), across_.first.data(), across_.count.data(), across_.weights.data(),
                       across_.stride, across_.shift, across_.num_outputs, out);
  }
  return narrowed_[static_cast<size_t>(y) % narrowed_.size()].data();
}

const uint8_t* ResizedRows::next() {
  CHECK(next_ < size_.height, "row {} of {}", next_, size_.height);
  const auto y = static_cast<size_t>(next_++);
  if (!is_blended_) return narrowed_row(static_cast<int32_t>(y));
  const int32_t count = down_.count[y];
  for (int32_t k = 0; k < count; ++k) blended_[static_cast<size_t>(k)] = narrowed_row(down_.first[y] + k);
  pixels_.blend_rows(blended_.data(), down_.weights.data() + y * static_cast<size_t>(down_.stride), count, down_.shift,
                     static_cast<int64_t>(row_.size()), row_.data());
  return row_.data();
}

}  // namespace braid
