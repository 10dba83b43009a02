// An image's rows in another size, one after the other. Each row of the source is resized to the new width once, and
// stays only as long as rows of the result need it, so the work is done in the cache. Tested by resize_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/multimodal/pixel_rows.h"
#include "braid/multimodal/resize_taps.h"
#include "braid/multimodal/rgb_image.h"

namespace braid {

class ResizedRows {
 public:
  // `image` and `pixels` must outlive the rows.
  ResizedRows(const RgbImage& image, ImageSize size, ResizeFilter filter, const PixelRows& pixels);

  // The next row, [width][red, green, blue]; valid until the next call. There are size.height of them.
  const uint8_t* next();

 private:
  const uint8_t* narrowed_row(int32_t y);  // a row of the source with the new width
  const uint8_t* source_row(int32_t y) const;

  const RgbImage& image_;
  ImageSize size_;
  const PixelRows& pixels_;
  bool is_narrowed_;  // the widths differ
  bool is_blended_;   // the heights differ
  ResizeTaps across_;
  ResizeTaps down_;
  std::vector<uint8_t> padded_;                 // one row of the source
  std::vector<std::vector<uint8_t>> narrowed_;  // the latest rows; that of y is number y modulo their number
  int32_t num_narrowed_ = 0;                    // rows of the source that were resized
  std::vector<const uint8_t*> blended_;         // what the next row is made of
  std::vector<uint8_t> row_;
  int32_t next_ = 0;
};

}  // namespace braid
