// The weights of a resize along one axis, in fixed point, as torchvision's resize of 8-bit images with antialias has
// them (which has Pillow's): pixel centres are half a pixel from the edges, and a filter is widened when it shrinks.
// Tested by resize_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/config/image_processor_config.h"
#include "braid/multimodal/pixel_rows.h"

namespace braid {

// Output i is the sum over k of weights[i * stride + k] * input[first[i] + k], in units of 2^-shift.
struct ResizeTaps {
  int32_t num_outputs = 0;
  int32_t stride = 0;  // at least the largest count, and a multiple of RowTaps::kStrideMultiple
  int32_t shift = 0;
  std::vector<int32_t> first;
  std::vector<int32_t> count;
  std::vector<int16_t> weights;  // zero from an output's count on

  RowTaps view() const;  // valid as long as this is unchanged
};

// Both lengths are at least 1.
ResizeTaps resize_taps(int32_t input_len, int32_t output_len, ResizeFilter filter);

}  // namespace braid
