// Where M-RoPE (Qwen2-VL, arXiv 2409.12191) puts the tokens of a sequence with images: in time, rows and columns. A
// pure function of where the images are. Tested by grid_positions_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/request/image_span.h"

namespace braid {

// Of some tokens, one after the other.
struct GridPositions {
  std::vector<int32_t> times;
  std::vector<int32_t> rows;
  std::vector<int32_t> cols;

  void clear();
  // Whether each of the tokens has three equal positions: without tokens of images.
  bool are_of_text() const { return rows == times && cols == times; }
  void add(int64_t time, int64_t row, int64_t col);
};

// Appends the positions of the tokens with these indices in the sequence. A text token has three equal positions, one
// more than any row or column before it. The tokens of an image begin where a text token would be, and count frames,
// rows and columns from there; all frames of a video begin where its first do, and have the times that their spans say.
// No position is larger than the token's index, but for the time of a video's frames (ImageSpan::positions_end).
// `images`: in order, at least all that begin before the last index.
void append_grid_positions(std::span<const ImageSpan> images, IndexRange indices, GridPositions& positions);

}  // namespace braid
