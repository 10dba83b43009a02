// Cuts rows of pixels into patches. Tested by image_processor_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "braid/multimodal/pixel_rows.h"
#include "braid/request/image_patches.h"

namespace braid {

class PatchWriter {
 public:
  // Patches follow one another in squares of square x square, the squares row by row. `pixels` must outlive the writer.
  PatchWriter(const PatchGrid& grid, int32_t patch_size, int32_t square, const PixelRows& pixels);

  // The next row from above, [grid.cols * patch_size][red, green, blue].
  void add_row(const uint8_t* rgb);

  // After grid.rows * patch_size rows.
  ImagePatches patches() &&;

 private:
  ImagePatches patches_;
  int32_t square_;
  const PixelRows& pixels_;
  std::array<std::vector<uint8_t>, ImagePatches::kChannels> channels_;  // one row
  int32_t num_rows_ = 0;
};

}  // namespace braid
