// Operations on rows of pixels, for each instruction-set tier; all tiers compute the same. Tested by resize_test.cc.
#pragma once

#include <cstdint>

#include "braid/kernels/isa.h"

namespace braid {

struct PixelRows {
  // How far behind the last pixel of its input resize_row may read, and behind its output write.
  static constexpr int64_t kPadding = 16;

  // Resizes one row of RGB. For output i: out[i] = the sum over k < count[i] of weights[i * stride + k] * in[first[i] +
  // k], rounded at `shift` and clamped to a byte.
  void (*resize_row)(const uint8_t* in, const int32_t* first, const int32_t* count, const int16_t* weights,
                     int64_t stride, int32_t shift, int64_t num_outputs, uint8_t* out);
  // The weighted sum of rows: out[i] = the sum over k < num_rows of weights[k] * rows[k][i], rounded and clamped in the
  // same way.
  void (*blend_rows)(const uint8_t* const* rows, const int16_t* weights, int32_t num_rows, int32_t shift,
                     int64_t num_bytes, uint8_t* out);
  // RGB to three rows of one channel.
  void (*split_channels)(const uint8_t* rgb, int64_t num_pixels, uint8_t* red, uint8_t* green, uint8_t* blue);
};

const PixelRows& pixel_rows(CpuIsa isa);

const PixelRows& pixel_rows_portable();
const PixelRows& pixel_rows_avx2();    // on x86-64 only
const PixelRows& pixel_rows_avx512();  // on x86-64 only

}  // namespace braid
