// The bodies of PixelRows, included by one source file per tier. Everything here has internal linkage and calls no
// inline function of another header: the linker would keep one copy of it, perhaps with a higher tier's instructions.
#pragma once

#include <cstdint>

#include "braid/multimodal/pixel_rows.h"

namespace braid {
namespace {

using PixelBytes = uint8_t __attribute__((vector_size(4)));
using PixelInts = int32_t __attribute__((vector_size(16)));

constexpr int kBlendLanes = 16;
using BlendBytes = uint8_t __attribute__((vector_size(kBlendLanes)));
using BlendInts = int32_t __attribute__((vector_size(kBlendLanes * 4)));

uint8_t clamped_byte(int32_t value) {
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A pixel's three channels, and the next pixel's first, are the lanes of one vector.
void resize_row(const uint8_t* in, const int32_t* first, const int32_t* count, const int16_t* weights, int64_t stride,
                int32_t shift, int64_t num_outputs, uint8_t* out) {
  const int32_t half = (1 << shift) >> 1;
  for (int64_t i = 0; i < num_outputs; ++i) {
    const uint8_t* pixel = in + 3 * int64_t{first[i]};
    const int16_t* weight = weights + i * stride;
    PixelInts sum = {half, half, half, half};
    for (int32_t k = 0; k < count[i]; ++k, pixel += 3) {
      PixelBytes bytes;
      __builtin_memcpy(&bytes, pixel, sizeof(bytes));
      sum += __builtin_convertvector(bytes, PixelInts) * int32_t{weight[k]};
    }
    sum >>= shift;
    sum = sum < 0 ? PixelInts{} : sum;
    sum = sum > 255 ? PixelInts{} + 255 : sum;
    const PixelBytes result = __builtin_convertvector(sum, PixelBytes);
    __builtin_memcpy(out + 3 * i, &result, sizeof(result));  // the fourth byte is overwritten, or is padding
  }
}

void blend_rows(const uint8_t* const* rows, const int16_t* weights, int32_t num_rows, int32_t shift, int64_t num_bytes,
                uint8_t* out) {
  const int32_t half = (1 << shift) >> 1;
  int64_t i = 0;
  for (; i + kBlendLanes <= num_bytes; i += kBlendLanes) {
    BlendInts sum = BlendInts{} + half;
    for (int32_t k = 0; k < num_rows; ++k) {
      BlendBytes bytes;
      __builtin_memcpy(&bytes, rows[k] + i, sizeof(bytes));
      sum += __builtin_convertvector(bytes, BlendInts) * int32_t{weights[k]};
    }
    sum >>= shift;
    sum = sum < 0 ? BlendInts{} : sum;
    sum = sum > 255 ? BlendInts{} + 255 : sum;
    const BlendBytes result = __builtin_convertvector(sum, BlendBytes);
    __builtin_memcpy(out + i, &result, sizeof(result));
  }
  for (; i < num_bytes; ++i) {
    int32_t sum = half;
    for (int32_t k = 0; k < num_rows; ++k) sum += int32_t{rows[k][i]} * weights[k];
    out[i] = clamped_byte(sum >> shift);
  }
}

void split_channels(const uint8_t* rgb, int64_t num_pixels, uint8_t* red, uint8_t* green, uint8_t* blue) {
  for (int64_t i = 0; i < num_pixels; ++i) {
    red[i] = rgb[3 * i];
    green[i] = rgb[3 * i + 1];
    blue[i] = rgb[3 * i + 2];
  }
}

constexpr PixelRows kPixelRows = {.resize_row = resize_row, .blend_rows = blend_rows, .split_channels = split_channels};

}  // namespace
}  // namespace braid
