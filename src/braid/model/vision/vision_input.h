// What a tower computes of an image before its first block, from sizes and bytes alone: the order of patches, their
// normalised pixels, the angles of their rotary embedding, and their positions in a table of another size. Tested by
// vision_input_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/config/vision_config.h"
#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_scratch.h"
#include "braid/request/image_patches.h"
#include "braid/request/pixel_normalisation.h"
#include "braid/tensor/buffer.h"

namespace braid {

// The place of a patch in its frame.
struct PatchPlace {
  int32_t row;
  int32_t col;
};

// Of each patch of one frame, in the order in which the tower reads them (VisionConfig::reads_squares).
std::vector<PatchPlace> patch_places(const VisionConfig& config, const PatchGrid& grid);

// Windows of a grid of tokens, from left to right and from top to bottom, those at the edges smaller; the tokens of
// each row by row, frame by frame (Qwen2.5-VL).
struct WindowOrder {
  std::vector<int32_t> tokens;       // in that order: indices of tokens
  std::vector<int32_t> num_patches;  // of each window
};
WindowOrder window_order(const VisionConfig& config, const PatchGrid& grid);

// Bytes to what the tower reads: (byte - 255 mean) / (255 std) in float32, as the fast processors of transformers
// compute it.
class PixelTable {
 public:
  explicit PixelTable(const PixelNormalisation& normalisation);

  float at(int32_t channel, uint8_t byte) const { return values_[static_cast<size_t>(channel)][byte]; }

  // A patch's input of the patch embedding: [channel][frame of the patch][row][column]. `out` is float32 or bfloat16.
  void write_patch(const VisionConfig& config, const ImagePatches& image, int64_t patch, Rows out, int64_t row) const;

 private:
  PixelValues values_;
  std::array<std::array<BFloat16, 256>, ImagePatches::kChannels> rounded_;
};

// Rotary embedding in two dimensions: a quarter of a head's dimensions turns by the row, the next by the column, and
// the same again for the other half of each pair. `places`: of one frame's patches, in order; the same for all frames.
VisionAngles patch_angles(const VisionConfig& config, const PatchGrid& grid, std::span<const PatchPlace> places);

// The four entries of a square table whose weighted sum is the position embedding of a patch: the table is stretched
// over the image, corner to corner (bilinear).
struct TableTaps {
  std::array<int32_t, 4> index;
  std::array<float, 4> weight;
};
TableTaps table_taps(int32_t side, const PatchGrid& grid, PatchPlace place);

}  // namespace braid
