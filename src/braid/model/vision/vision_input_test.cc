#include "braid/model/vision/vision_input.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace braid {
namespace {

const VisionConfig kSquares{.kind = VisionKind::kQwen25Vl,
                            .hidden = 32,
                            .num_heads = 2,
                            .patch_size = 2,
                            .temporal_patch_size = 2,
                            .merge_size = 2,
                            .window_size = 12};

TEST(VisionInput, PatchesAreReadSquareBySquareOrRowByRow) {
  const auto squares = patch_places(kSquares, {.rows = 4, .cols = 4});
  ASSERT_EQ(squares.size(), 16U);
  const std::pair<int32_t, int32_t> expected[] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 2},
                                                  {0, 3}, {1, 2}, {1, 3}, {2, 0}};
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(std::pair(squares[i].row, squares[i].col), expected[i]) << i;
  }
  VisionConfig rows = kSquares;
  rows.kind = VisionKind::kSiglip;
  const auto row_by_row = patch_places(rows, {.rows = 4, .cols = 4});
  EXPECT_EQ(row_by_row[5].row, 1);
  EXPECT_EQ(row_by_row[5].col, 1);
}

// 4 x 5 tokens in windows of 3 x 3.
TEST(VisionInput, WindowsAtTheEdgesAreSmaller) {
  const WindowOrder order = window_order(kSquares, {.frames = 2, .rows = 8, .cols = 10});
  EXPECT_EQ(order.num_patches, (std::vector<int32_t>{36, 24, 12, 8, 36, 24, 12, 8}));
  const std::vector<int32_t> first_frame = {0, 1, 2, 5, 6, 7, 10, 11, 12, 3, 4, 8, 9, 13, 14, 15, 16, 17, 18, 19};
  ASSERT_EQ(order.tokens.size(), 40U);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(order.tokens[i], first_frame[i]);
    EXPECT_EQ(order.tokens[20 + i], 20 + first_frame[i]);
  }
}

TEST(VisionInput, PixelsAreNormalisedInFloat32) {
  const PixelNormalisation norm{.mean = {0.5, 0.25, 0.48145466}, .stddev = {0.5, 0.125, 0.26862954}};
  const PixelTable table(norm);
  EXPECT_EQ(table.at(0, 255), 1.0F);
  EXPECT_EQ(table.at(0, 0), -1.0F);
  EXPECT_EQ(table.at(1, 255), 6.0F);
  EXPECT_EQ(table.at(2, 7), (7.0F - 0.48145466F * 255.0F) / (0.26862954F * 255.0F));

  // One frame of two patches, of which the second is written: two frames of it are the same pixels.
  const std::vector<uint8_t> pixels = {0, 255, 255, 0, 10, 20, 30, 40, 7, 7, 7, 7};
  ImagePatches image{.grid = {.rows = 1, .cols = 2}, .patch_size = 2, .pixels = std::vector<uint8_t>(24)};
  std::ranges::copy(pixels, image.pixels.begin() + 12);
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const RowsBuffer out(dtype, 2, 24);
    table.write_patch(kSquares, image, 1, out.first(2), 1);
    for (int64_t i = 0; i < 24; ++i) {
      const int64_t channel = i / 8;
      const float expected = table.at(static_cast<int32_t>(channel), pixels[static_cast<size_t>(channel * 4 + i % 4)]);
      if (dtype == DType::kFloat32) {
        EXPECT_EQ(out.first(2).row<float>(1)[i], expected);
      } else {
        EXPECT_EQ(to_float(out.first(2).row<BFloat16>(1)[i]), to_float(to_bfloat16(expected)));
      }
    }
  }
}

TEST(VisionInput, FramesOfAPatchFollowOneAnotherInEachChannel) {
  const PixelTable table(PixelNormalisation{.rescales = false, .normalises = false});
  ImagePatches image{.grid = {.rows = 1, .cols = 2}, .patch_size = 2, .patch_frames = 2, .pixels = {}};
  for (uint8_t byte = 0; byte < 48; ++byte) image.pixels.push_back(byte);
  const RowsBuffer out(DType::kFloat32, 1, 24);
  table.write_patch(kSquares, image, 1, out.first(1), 0);
  const std::vector<float> expected = {12, 13, 14, 15, 36, 37, 38, 39, 16, 17, 18, 19,
                                       40, 41, 42, 43, 20, 21, 22, 23, 44, 45, 46, 47};
  EXPECT_EQ(std::vector<float>(out.first(1).row<float>(0), out.first(1).row<float>(0) + 24), expected);
}

TEST(VisionInput, AQuarterOfAHeadTurnsByTheRowAndAQuarterByTheColumn) {
  const PatchGrid grid{.frames = 2, .rows = 2, .cols = 4};
  const auto places = patch_places(kSquares, grid);
  const VisionAngles angles = patch_angles(kSquares, grid, places);
  ASSERT_EQ(angles.rows.size(), 16U);
  for (int64_t patch = 0; patch < 16; ++patch) {
    EXPECT_EQ(angles.rows[static_cast<size_t>(patch)], patch);
    const PatchPlace& place = places[static_cast<size_t>(patch % 8)];
    for (int64_t i = 0; i < 8; ++i) {
      const int32_t at = i < 4 ? place.row : place.col;
      const double angle = at / std::pow(10000.0, 2.0 * static_cast<double>(i % 4) / 8.0);
      EXPECT_NEAR(angles.cos.first(16).row<float>(patch)[i], std::cos(angle), 1e-6);
      EXPECT_NEAR(angles.sin.first(16).row<float>(patch)[i], std::sin(angle), 1e-6);
    }
  }
}

TEST(VisionInput, ATableIsStretchedFromCornerToCorner) {
  const PatchGrid grid{.rows = 5, .cols = 3};
  const auto value_at = [&](PatchPlace place) {  // of a table whose entry is its row * 100 + its column
    const TableTaps taps = table_taps(7, grid, place);
    double sum = 0;
    for (size_t i = 0; i < 4; ++i)
      sum += static_cast<double>(taps.weight[i]) * (taps.index[i] / 7 * 100 + taps.index[i] % 7);
    return sum;
  };
  EXPECT_NEAR(value_at({.row = 0, .col = 0}), 0, 1e-5);
  EXPECT_NEAR(value_at({.row = 4, .col = 2}), 606, 1e-4);
  EXPECT_NEAR(value_at({.row = 2, .col = 1}), 303, 1e-4);
  EXPECT_NEAR(value_at({.row = 1, .col = 2}), 156, 1e-4);
  // One row or column only: the table's first.
  EXPECT_EQ(table_taps(7, {.rows = 1, .cols = 1}, {.row = 0, .col = 0}).weight[0], 1.0F);
}

TEST(VisionInput, SegmentsHaveAPageEach) {
  const std::vector<int32_t> lengths = {36, 24, 8};
  const VisionSegments segments(lengths);
  EXPECT_EQ(segments.page_size(), 48);
  EXPECT_EQ(segments.page_tokens(), 144);
  ASSERT_EQ(segments.sequences().size(), 3U);
  EXPECT_EQ(segments.sequences()[2].first_row, 60);
  EXPECT_EQ(segments.sequences()[2].num_new, 8);
  EXPECT_EQ(segments.sequences()[2].pages[0], 2);
  EXPECT_TRUE(segments.sequences()[1].is_bidirectional);
}

}  // namespace
}  // namespace braid
