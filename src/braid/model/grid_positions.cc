#include "braid/model/grid_positions.h"

#include <algorithm>

namespace braid {

void GridPositions::clear() {
  times.clear();
  rows.clear();
  cols.clear();
}

void GridPositions::add(int64_t time, int64_t row, int64_t col) {
  times.push_back(static_cast<int32_t>(time));
  rows.push_back(static_cast<int32_t>(row));
  cols.push_back(static_cast<int32_t>(col));
}

void append_grid_positions(std::span<const ImageSpan> images, IndexRange indices, GridPositions& positions) {
  int64_t index = indices.begin;
  int64_t behind = 0;  // by how much a text token's position is smaller than its index
  int64_t origin = 0;  // position of the last image or video
  const auto add_text_until = [&](int64_t end) {
    for (; index < end; ++index) positions.add(index - behind, index - behind, index - behind);
  };
  for (const ImageSpan& image : images) {
    if (image.first >= indices.end) break;
    add_text_until(image.first);
    const PatchGrid& grid = image.grid;
    if (!image.continues_video) origin = image.first - behind;
    for (; index < std::min<int64_t>(image.end(), indices.end); ++index) {
      const int64_t place = index - image.first;
      positions.add(origin + image.time + place / (int64_t{grid.rows} * grid.cols),
                    origin + place / grid.cols % grid.rows, origin + place % grid.cols);
    }
    behind = image.end() - origin - std::max({grid.frames, grid.rows, grid.cols});
  }
  add_text_until(indices.end);
}

}  // namespace braid
