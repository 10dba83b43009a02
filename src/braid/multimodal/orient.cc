#include "braid/multimodal/orient.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr int64_t kBytesPerPixel = 3;

}  // namespace

RgbImage apply_orientation(RgbImage image, int32_t orientation) {
  CHECK(orientation >= 1 && orientation <= 8, "orientation {}", orientation);
  if (orientation == 1) return image;
  const bool swaps_axes = orientation >= 5;
  const bool starts_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool starts_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t width = image.size.width;
  const int64_t height = image.size.height;
  // The upright image's first pixel, and the steps to its right-hand neighbour and to the one below.
  const int64_t right = starts_right ? -1 : 1;
  const int64_t down = starts_below ? -width : width;
  const int64_t first = (starts_right ? width - 1 : 0) + (starts_below ? (height - 1) * width : 0);
  const int64_t step_x = swaps_axes ? down : right;
  const int64_t step_y = swaps_axes ? right : down;

  RgbImage upright{.size = image.size, .pixels = {}};
  if (swaps_axes) std::swap(upright.size.width, upright.size.height);
  upright.pixels.resize(image.pixels.size());
  // In squares, so that the lines which a column of the source touches are in the cache for its neighbours.
  constexpr int64_t kSquare = 32;
  for (int64_t top = 0; top < upright.size.height; top += kSquare) {
    for (int64_t left = 0; left < upright.size.width; left += kSquare) {
      const int64_t bottom = std::min<int64_t>(top + kSquare, upright.size.height);
      const int64_t end = std::min<int64_t>(left + kSquare, upright.size.width);
      for (int64_t y = top; y < bottom; ++y) {
        uint8_t* out = upright.pixels.data() + (y * upright.size.width + left) * kBytesPerPixel;
        const uint8_t* in = image.pixels.data() + (first + y * step_y + left * step_x) * kBytesPerPixel;
        for (int64_t x = left; x < end; ++x, out += kBytesPerPixel, in += step_x * kBytesPerPixel) {
          std::memcpy(out, in, kBytesPerPixel);
        }
      }
    }
  }
  return upright;
}

}  // namespace braid
