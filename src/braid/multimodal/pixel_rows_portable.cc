// The operations on rows of pixels as plain loops, for any processor. Tested by resize_test.cc.
#include <algorithm>

#include "braid/multimodal/pixel_rows.h"

namespace braid {
namespace {

uint8_t clamped_byte(int32_t value) {
  return static_cast<uint8_t>(std::clamp(value, 0, 255));
}

void resize_row(const uint8_t* in, const RowTaps& taps, uint8_t* out) {
  const int32_t half = (1 << taps.shift) >> 1;
  const int16_t* weights = taps.weights;
  for (int64_t i = 0; i < taps.num_outputs; ++i, weights += taps.stride, out += 3) {
    const uint8_t* pixel = in + 3 * int64_t{taps.first[i]};
    int32_t red = half;
    int32_t green = half;
    int32_t blue = half;
    for (int32_t k = 0; k < taps.count[i]; ++k, pixel += 3) {
      red += pixel[0] * weights[k];
      green += pixel[1] * weights[k];
      blue += pixel[2] * weights[k];
    }
    out[0] = clamped_byte(red >> taps.shift);
    out[1] = clamped_byte(green >> taps.shift);
    out[2] = clamped_byte(blue >> taps.shift);
  }
}

// In stretches whose sums stay in the first-level cache, so that the compiler vectorises the loop over bytes.
void blend_rows(const uint8_t* const* rows, const int16_t* weights, int32_t num_rows, int32_t shift, int64_t num_bytes,
                uint8_t* out) {
  constexpr int64_t kStretch = 256;
  int32_t sums[kStretch];
  for (int64_t begin = 0; begin < num_bytes; begin += kStretch) {
    const int64_t size = std::min(kStretch, num_bytes - begin);
    std::fill_n(sums, size, (1 << shift) >> 1);
    for (int32_t k = 0; k < num_rows; ++k) {
      const uint8_t* row = rows[k] + begin;
      const int16_t weight = weights[k];
      for (int64_t i = 0; i < size; ++i) sums[i] += int16_t{row[i]} * weight;
    }
    for (int64_t i = 0; i < size; ++i) out[begin + i] = clamped_byte(sums[i] >> shift);
  }
}

void split_channels(const uint8_t* rgb, int64_t num_pixels, uint8_t* red, uint8_t* green, uint8_t* blue) {
  for (int64_t i = 0; i < num_pixels; ++i) {
    red[i] = rgb[3 * i];
    green[i] = rgb[3 * i + 1];
    blue[i] = rgb[3 * i + 2];
  }
}

}  // namespace

const PixelRows& pixel_rows_portable() {
  static constexpr PixelRows kRows = {
      .resize_row = resize_row, .blend_rows = blend_rows, .split_channels = split_channels};
  return kRows;
}

}  // namespace braid
