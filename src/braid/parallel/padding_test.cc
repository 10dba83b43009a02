#include "braid/parallel/padding.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <random>

namespace braid {
namespace {

constexpr std::array kModes{DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact};

RowLayout layout_of(DpPaddingMode mode, const std::vector<int32_t>& tokens, int32_t attn_tp_size) {
  RowLayout layout;
  set_row_layout(layout, mode, tokens, attn_tp_size);
  return layout;
}

TEST(Padding, ThePublishedRuleTakesMaxLenWhereMoreThanHalfIsTokens) {
  const auto rule = [](const std::vector<int32_t>& tokens) { return published_padding_mode(tokens); };
  EXPECT_EQ(rule({8, 8}), DpPaddingMode::kMaxLen);
  EXPECT_EQ(rule({8, 1}), DpPaddingMode::kMaxLen);
  EXPECT_EQ(rule({8, 0}), DpPaddingMode::kSumLen);        // equality
  EXPECT_EQ(rule({8, 4, 3, 1}), DpPaddingMode::kSumLen);  // equality
  EXPECT_EQ(rule({8, 4, 3, 2}), DpPaddingMode::kMaxLen);
  EXPECT_EQ(rule({100, 1, 1, 1}), DpPaddingMode::kSumLen);
  EXPECT_EQ(rule({0, 0}), DpPaddingMode::kSumLen);
}

TEST(Padding, NamesAreReadBack) {
  for (const DpPaddingMode mode : kModes) {
    const auto read = parse_dp_padding(padding_mode_name(mode));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, DpPadding::fixed(mode));
    EXPECT_EQ(dp_padding_name(*read), padding_mode_name(mode));
  }
  for (const DpPadding::Rule rule : {DpPadding::Rule::kCheapest, DpPadding::Rule::kPublished}) {
    const auto read = parse_dp_padding(dp_padding_name({.rule = rule}));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, DpPadding{.rule = rule});
  }
  const auto bad = parse_dp_padding("most");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "--dp-padding most: allowed are auto, published, max_len, sum_len and exact");
}

TEST(Padding, EveryTokenHasOneRowAndGroupsAreContiguous) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const auto attn_tp_size = static_cast<int32_t>(1 + random() % 4);
    const size_t groups = 1 + random() % 5;
    std::vector<int32_t> tokens(groups);
    for (int32_t& count : tokens) count = random() % 3 == 0 ? 0 : static_cast<int32_t>(random() % 40);
    for (const DpPaddingMode mode : kModes) {
      const RowLayout layout = layout_of(mode, tokens, attn_tp_size);
      int64_t end = 0;
      int64_t num_tokens = 0;
      for (size_t rank = 0; rank < layout.shards.size(); ++rank) {
        const RowLayout::Shard& shard = layout.shards[rank];
        const RowLayout::Group& group = layout.groups[rank / static_cast<size_t>(attn_tp_size)];
        EXPECT_EQ(shard.first, end);
        EXPECT_LE(shard.rows, shard.slot);
        if (shard.rows > 0) {
          EXPECT_EQ(shard.first - group.first, shard.in_group);
        }
        end += shard.slot;
        num_tokens += shard.rows;
      }
      EXPECT_EQ(end, layout.total_rows);
      EXPECT_EQ(num_tokens, std::accumulate(tokens.begin(), tokens.end(), int64_t{0}));
      EXPECT_LE(layout.total_rows, max_gathered_rows(static_cast<int32_t>(groups), 40, attn_tp_size));
      if (mode != DpPaddingMode::kMaxLen) {
        EXPECT_EQ(layout.total_rows, num_tokens);
      }
    }
  }
}

TEST(Padding, BytesAreThePublishedCountsOfRows) {
  const std::vector<int32_t> tokens{12, 4, 0, 8};  // sum 24, max 12
  constexpr int64_t kRow = 64;
  for (int32_t rank = 0; rank < 4; ++rank) {
    const int64_t own = tokens[static_cast<size_t>(rank)];
    const auto gathers = [&](DpPaddingMode mode) { return gather_bytes(layout_of(mode, tokens, 1), mode, rank, kRow); };
    const auto scatters = [&](DpPaddingMode mode) {
      return scatter_bytes(layout_of(mode, tokens, 1), mode, rank, kRow);
    };
    EXPECT_EQ(gathers(DpPaddingMode::kMaxLen), 3 * 12 * kRow);
    EXPECT_EQ(gathers(DpPaddingMode::kSumLen), 2 * 3 * 24 * kRow / 4);
    EXPECT_EQ(gathers(DpPaddingMode::kExact), (24 - own) * kRow);
    EXPECT_EQ(scatters(DpPaddingMode::kMaxLen), 3 * 12 * kRow);
    EXPECT_EQ(scatters(DpPaddingMode::kSumLen), 3 * own * kRow);
    EXPECT_EQ(scatters(DpPaddingMode::kExact), 3 * own * kRow);
  }
}

TEST(Padding, ExactIsNeverAboveTheOthers) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<int32_t> tokens(2 + random() % 6);
    for (int32_t& count : tokens) count = static_cast<int32_t>(random() % 50);
    for (int32_t rank = 0; rank < static_cast<int32_t>(tokens.size()); ++rank) {
      const auto bytes = [&](DpPaddingMode mode) {
        const RowLayout layout = layout_of(mode, tokens, 1);
        return gather_bytes(layout, mode, rank, 64) + scatter_bytes(layout, mode, rank, 128);
      };
      EXPECT_LE(bytes(DpPaddingMode::kExact), bytes(DpPaddingMode::kMaxLen));
      EXPECT_LE(bytes(DpPaddingMode::kExact), bytes(DpPaddingMode::kSumLen) + 4);  // SUM_LEN's shares are whole words
    }
  }
}

}  // namespace
}  // namespace braid
