// An image as a vision tower reads it: resized, cut into patches, not yet normalised. Plain data. Tested by
// multimodal/image_processor_test.cc.
//
// Pixels stay bytes: an image processor rounds to bytes after resizing, so nothing is lost, and an image of 1120 x 704
// is 2.4 MB instead of the 19 MB of a tower's float32 input, in which each frame is there twice.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace braid {

// SHA-256 of an image's bytes as they were sent, and of what the model makes of them (the processor's settings).
using ImageKey = std::array<uint8_t, 32>;

struct PatchGrid {
  int32_t frames = 1;  // groups of frames that a patch spans; 1 for an image
  int32_t rows = 0;
  int32_t cols = 0;

  int64_t count() const { return int64_t{frames} * rows * cols; }
  bool operator==(const PatchGrid&) const = default;
};

struct ImagePatches {
  static constexpr int32_t kChannels = 3;

  PatchGrid grid;
  int32_t patch_size = 0;    // pixels of a side
  int32_t patch_frames = 1;  // frames of each patch that are here; the last one fills the rest of what the tower takes
  // [patch_frames][grid.count()][red, green, blue][patch_size rows][patch_size columns], patches in the order in which
  // the tower reads them: row by row, or, for a tower that merges squares of patches, square by square.
  std::vector<uint8_t> pixels;

  // Of one frame of all patches.
  int64_t frame_bytes() const { return grid.count() * kChannels * patch_size * patch_size; }

  bool operator==(const ImagePatches&) const = default;
};

}  // namespace braid
