#include "braid/model/layers/rope_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "braid/kernels/make_ops.h"

namespace braid {
namespace {

constexpr int32_t kHeadDim = 16;
constexpr int64_t kPositions = 5000;

// A table that grows in any order has the same rows as one computed at once.
TEST(RopeTable, RowsAreTheSameInAnyOrderOfPositions) {
  const RopeConfig config{.theta = 10000.0};
  const std::vector<float> frequencies = rope_frequencies(config, kHeadDim);
  const RopeTable table(config, kHeadDim, kPositions);
  for (const std::vector<int32_t>& positions :
       {std::vector<int32_t>{0}, {3, 1}, {1023, 1024}, {7}, {4999, 2}, {2048, 3000}}) {
    const RopeTable::Angles angles = table.angles(positions);
    ASSERT_EQ(angles.cos.rows, kPositions);
    for (const int32_t position : positions) {
      for (size_t i = 0; i < frequencies.size(); ++i) {
        const float angle = static_cast<float>(position) * frequencies[i];
        EXPECT_EQ(angles.cos.row<float>(position)[i], std::cos(angle)) << position;
        EXPECT_EQ(angles.sin.row<float>(position)[i], std::sin(angle)) << position;
      }
    }
  }
}

// Dimensions that turn often keep their frequency. Those that turn less than once are stretched by the whole factor.
TEST(RopeTable, YarnStretchesOnlyTheSlowDimensions) {
  const RopeConfig plain{.theta = 10000.0};
  RopeConfig yarn = plain;
  yarn.kind = RopeConfig::Kind::kYarn;
  yarn.factor = 4.0;
  yarn.original_max_position = 2048;
  const std::vector<float> before = rope_frequencies(plain, 64);
  const std::vector<float> after = rope_frequencies(yarn, 64);
  // The formula reaches 2048 / (32 * 2 pi) and 2048 / (2 pi) positions per radian at dimensions 8.06 and 20.1.
  for (size_t i = 0; i < before.size(); ++i) {
    const double stretch = std::clamp((static_cast<double>(i) - 8) / (21 - 8), 0.0, 1.0);
    EXPECT_NEAR(after[i] / before[i], 1 - stretch * 0.75, 1e-6) << i;
  }
}

TEST(RopeTable, CosinesAndSinesHaveTheAttentionFactor) {
  RopeConfig config{.theta = 10000.0};
  config.attention_factor = 1.25;
  const RopeTable table(config, kHeadDim, 100);
  const std::vector<int32_t> positions = {7};
  const RopeTable::Angles angles = table.angles(positions);
  EXPECT_EQ(angles.cos.row<float>(7)[0], std::cos(7.0F) * 1.25F);
  EXPECT_EQ(angles.sin.row<float>(7)[0], std::sin(7.0F) * 1.25F);
}

// The first dimensions of each head are rotated like a head of that size; the others are unchanged.
TEST(RopeTable, RotatesAPartOfEachHead) {
  constexpr int32_t kRotary = 4;
  const RopeTable table({.theta = 100.0}, kRotary, 100);
  const auto ops = make_ref_ops();
  const std::vector<int32_t> positions = {3};
  std::vector<float> heads(2 * kHeadDim);
  std::iota(heads.begin(), heads.end(), 1.0F);
  std::vector<float> expected = heads;
  for (size_t first = 0; first < heads.size(); first += kHeadDim) {
    table.rotate(*ops, make_rows(expected.data() + first, 1, kRotary), kRotary, {.positions = positions});
  }
  EXPECT_NE(expected, heads);
  EXPECT_EQ(expected[kRotary], heads[kRotary]);
  table.rotate(*ops, make_rows(heads.data(), 1, 2 * kHeadDim), kHeadDim, {.positions = positions});
  EXPECT_EQ(heads, expected);
}

// Rows of long requests use the long factors, at any position. Without long factors both are one table.
TEST(RopeTable, LongRequestsUseTheLongFactors) {
  RopeConfig by_short{.theta = 100.0};
  by_short.frequency_factors = {1.0F, 1.5F};
  RopeConfig by_long = by_short;
  by_long.frequency_factors = {2.0F, 4.0F};
  RopeConfig both = by_short;
  both.long_factors = by_long.frequency_factors;
  const auto ops = make_ref_ops();
  const std::vector<int32_t> positions = {3, 3, 0};
  const std::vector<uint8_t> uses_long_rope = {0, 1, 1};
  const auto rotated = [&](const RopeConfig& config, std::span<const uint8_t> long_rows) {
    const RopeTable table(config, 4, 100);
    std::vector<float> x = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4};
    table.rotate(*ops, make_rows(x.data(), 3, 4), 4, {.positions = positions, .uses_long_rope = long_rows});
    return x;
  };
  const std::vector<float> got = rotated(both, uses_long_rope);
  const std::vector<float> expected_short = rotated(by_short, {});
  const std::vector<float> expected_long = rotated(by_long, {});
  EXPECT_EQ(rotated(both, {}), expected_short);
  EXPECT_NE(expected_short, expected_long);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], (i < 4 ? expected_short : expected_long)[i]) << i;
}

// Which of the three positions a pair of dimensions turns by: transformers' apply_multimodal_rotary_pos_emb for
// Qwen2.5-VL, apply_interleaved_mrope for Qwen3-VL.
TEST(RopeTable, MropeDividesThePairsOfDimensions) {
  RopeConfig config;
  EXPECT_TRUE(mrope_axes(config, 16).empty());
  config.mrope_sections = {2, 3, 3};
  EXPECT_EQ(mrope_axes(config, 16), (std::vector<uint8_t>{0, 0, 1, 1, 1, 2, 2, 2}));
  config.interleaves_mrope = true;
  EXPECT_EQ(mrope_axes(config, 16), (std::vector<uint8_t>{0, 1, 2, 0, 1, 2, 0, 1}));
  config.mrope_sections = {5, 2, 1};
  EXPECT_EQ(mrope_axes(config, 16), (std::vector<uint8_t>{0, 1, 2, 0, 1, 0, 0, 0}));
}

// Row by row: each pair is rotated as a table without sections does at the pair's own position.
TEST(RopeTable, MropeTurnsEachPairByItsOwnPosition) {
  RopeConfig config{.theta = 100.0};
  const RopeTable plain(config, 12, 50);
  config.mrope_sections = {2, 2, 2};
  const RopeTable sections(config, 12, 50);
  config.interleaves_mrope = true;
  const RopeTable interleaved(config, 12, 50);
  const auto ops = make_ref_ops();
  const std::array<std::vector<int32_t>, 3> positions = {{{7, 3, 49}, {9, 3, 0}, {30, 3, 20}}};
  const auto rotated = [&](const RopeTable& table, const RopePositions& at) {
    std::vector<float> x(3 * 2 * kHeadDim);
    std::iota(x.begin(), x.end(), 1.0F);
    table.rotate(*ops, make_rows(x.data(), 3, 2 * kHeadDim), kHeadDim, at);
    return x;
  };
  std::array<std::vector<float>, 3> by_axis;
  for (size_t axis = 0; axis < 3; ++axis) by_axis[axis] = rotated(plain, {.positions = positions[axis]});
  const RopePositions in_grid{.positions = positions[0], .rows = positions[1], .cols = positions[2]};
  const std::vector<float> by_sections = rotated(sections, in_grid);
  const std::vector<float> by_turns = rotated(interleaved, in_grid);
  for (size_t i = 0; i < by_sections.size(); ++i) {
    const size_t dim = i % kHeadDim;
    const size_t pair = dim % 6;
    const size_t axis_of_sections = dim >= 12 ? 0 : pair / 2;
    const size_t axis_of_turns = dim >= 12 ? 0 : pair % 3;
    EXPECT_EQ(by_sections[i], by_axis[axis_of_sections][i]) << i;
    EXPECT_EQ(by_turns[i], by_axis[axis_of_turns][i]) << i;
  }
  // Text, beside images or not, has the bits of a table without sections.
  const std::vector<float> text = rotated(plain, {.positions = positions[0]});
  EXPECT_EQ(rotated(sections, {.positions = positions[0]}), text);
  EXPECT_EQ(rotated(interleaved, {.positions = positions[0], .rows = positions[0], .cols = positions[0]}), text);
}

}  // namespace
}  // namespace braid
