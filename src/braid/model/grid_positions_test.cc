// Positions of tokens in time, rows and columns.
#include "braid/model/grid_positions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace braid {
namespace {

ImageSpan image_at(int32_t first, int32_t rows, int32_t cols, int32_t frames = 1) {
  return {.first = first, .key = {}, .grid = {.frames = frames, .rows = rows, .cols = cols}};
}

GridPositions positions_of(std::span<const ImageSpan> images, IndexRange indices) {
  GridPositions positions;
  append_grid_positions(images, indices, positions);
  return positions;
}

TEST(GridPositions, OfTextAreItsIndices) {
  const GridPositions positions = positions_of({}, {.begin = 5, .end = 105});
  std::vector<int32_t> indices(100);
  std::iota(indices.begin(), indices.end(), 5);
  EXPECT_EQ(positions.times, indices);
  EXPECT_EQ(positions.rows, indices);
  EXPECT_EQ(positions.cols, indices);
  EXPECT_TRUE(positions.are_of_text());
}

// The example of transformers' documentation of get_rope_index, in its form for images: text, 2 x 3 tokens, text.
TEST(GridPositions, TextGoesOnBehindTheLargestPositionOfAnImage) {
  const std::vector<ImageSpan> images = {image_at(2, 2, 3), image_at(10, 3, 1)};
  const GridPositions positions = positions_of(images, {.begin = 0, .end = 15});
  EXPECT_EQ(positions.times, (std::vector<int32_t>{0, 1, 2, 2, 2, 2, 2, 2, 5, 6, 7, 7, 7, 10, 11}));
  EXPECT_EQ(positions.rows, (std::vector<int32_t>{0, 1, 2, 2, 2, 3, 3, 3, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(positions.cols, (std::vector<int32_t>{0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 7, 7, 7, 10, 11}));
  EXPECT_FALSE(positions.are_of_text());
  EXPECT_TRUE(positions_of(images, {.begin = 13, .end = 20}).are_of_text()) << "behind the images";
}

TEST(GridPositions, FramesCountInTime) {
  const std::vector<ImageSpan> images = {image_at(1, 1, 2, 3)};
  const GridPositions positions = positions_of(images, {.begin = 0, .end = 8});
  EXPECT_EQ(positions.times, (std::vector<int32_t>{0, 1, 1, 2, 2, 3, 3, 4}));
  EXPECT_EQ(positions.rows, (std::vector<int32_t>{0, 1, 1, 1, 1, 1, 1, 4}));
  EXPECT_EQ(positions.cols, (std::vector<int32_t>{0, 1, 2, 1, 2, 1, 2, 4}));
}

// Qwen2.5-VL: the pairs of frames of two videos, the first of 2 x 2 tokens a pair, with times of their own.
TEST(GridPositions, FramesOfAVideoBeginWhereItsFirstDo) {
  std::vector<ImageSpan> frames = {image_at(1, 2, 2), image_at(5, 2, 2), image_at(9, 2, 2), image_at(15, 1, 1)};
  frames[1].time = 1;
  frames[2].time = 9;
  frames[1].continues_video = frames[2].continues_video = true;
  const GridPositions positions = positions_of(frames, {.begin = 0, .end = 17});
  EXPECT_EQ(positions.times, (std::vector<int32_t>{0, 1, 1, 1, 1, 2, 2, 2, 2, 10, 10, 10, 10, 3, 4, 5, 6}));
  EXPECT_EQ(positions.rows, (std::vector<int32_t>{0, 1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 3, 4, 5, 6}));
  EXPECT_EQ(positions.cols, (std::vector<int32_t>{0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3, 4, 5, 6}));
  for (int64_t begin = 0; begin < 17; ++begin) {
    const GridPositions part = positions_of(frames, {.begin = begin, .end = 17});
    EXPECT_TRUE(std::ranges::equal(part.times, std::span(positions.times).subspan(static_cast<size_t>(begin))));
    EXPECT_TRUE(std::ranges::equal(part.rows, std::span(positions.rows).subspan(static_cast<size_t>(begin))));
  }
}

// Wherever a prompt is cut, also within an image.
TEST(GridPositions, APartHasThoseOfTheWhole) {
  const std::vector<ImageSpan> images = {image_at(0, 4, 2), image_at(8, 1, 1), image_at(12, 3, 5), image_at(40, 2, 2)};
  constexpr int64_t kLen = 50;
  const GridPositions whole = positions_of(images, {.begin = 0, .end = kLen});
  ASSERT_EQ(std::ssize(whole.times), kLen);
  for (int64_t begin = 0; begin < kLen; ++begin) {
    for (int64_t end = begin + 1; end <= kLen; ++end) {
      // A plan lists no images behind its last token.
      const auto later = std::ranges::find_if(images, [&](const ImageSpan& image) { return image.first >= end; });
      const GridPositions part = positions_of({images.begin(), later}, {.begin = begin, .end = end});
      const auto cut = [&](const std::vector<int32_t>& all) {
        return std::vector<int32_t>(all.begin() + begin, all.begin() + end);
      };
      ASSERT_EQ(part.times, cut(whole.times)) << begin << " to " << end;
      ASSERT_EQ(part.rows, cut(whole.rows)) << begin << " to " << end;
      ASSERT_EQ(part.cols, cut(whole.cols)) << begin << " to " << end;
    }
  }
  for (int32_t i = 0; i < kLen; ++i) {
    const auto at = static_cast<size_t>(i);
    EXPECT_LE(std::max({whole.times[at], whole.rows[at], whole.cols[at]}), i) << "a table of the context's size does";
  }
}

}  // namespace
}  // namespace braid
