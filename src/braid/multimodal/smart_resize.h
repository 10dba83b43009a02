// The size to which Qwen's processors resize images and videos. Rounds and divides as Python does there, so that the
// same sizes come out. Tested by image_processor_test.cc and video_frames_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/multimodal/rgb_image.h"

namespace braid {

struct ResizeBounds {
  int64_t min_pixels;  // of all frames together
  int64_t max_pixels;
  int64_t num_frames = 1;
  int64_t num_counted = 1;  // frames that the bounds are first tried with: num_frames, in whole patches
};

// An error if the longer side is more than 200 times the shorter one.
Status check_ratio(ImageSize size);

// Sides that are multiples of `factor`, min_pixels to max_pixels pixels in all, and the shape kept as well as can be.
ImageSize smart_resize(ImageSize size, int32_t factor, const ResizeBounds& bounds);

}  // namespace braid
