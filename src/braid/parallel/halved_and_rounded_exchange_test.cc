// What the exchange does only where rows travel as messages: partial sums rounded to bfloat16, and steps in two halves.
// Both give the same bits wherever the ranks are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "braid/kernels/make_ops.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "tests/support/parallel/exchange_rows.h"
#include "tests/support/parallel/simulated_processes.h"

namespace braid {
namespace {

using testing::expect_bits;
using testing::kHidden;
using testing::kMaxTokens;
using testing::partial_value;
using testing::token_value;

// In rank order over the ranks [first, first + count), and as near to the exact sum as rounding to 8 bits allows.
template <typename PartOf>
void expect_rounded_sums(ConstRows own, int32_t first, int32_t count, const PartOf& part_of) {
  for (int64_t i = 0; i < own.rows; ++i) {
    for (int64_t col = 0; col < own.cols; ++col) {
      float sum = 0;
      double exact = 0;
      double magnitudes = 0;
      for (int32_t from = first; from < first + count; ++from) {
        const float part = part_of(from, i, col);
        const float rounded = to_float(to_bfloat16(part));
        sum = from == first ? rounded : sum + rounded;
        exact += part;
        magnitudes += std::abs(part);
      }
      expect_bits(own.row<float>(i)[col], sum);
      EXPECT_NEAR(own.row<float>(i)[col], exact, magnitudes / 256);
    }
  }
}

// Sums of rounded parts, among all ranks and within a group: half the bytes, in rank order, the same wherever the ranks
// are.
TEST(HalvedAndRoundedExchange, RoundedSumsAreTheSameInEveryModeAndSpread) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  constexpr int64_t kRowsOfAll = 7;
  const auto part_of = [](int32_t rank, int32_t group, int64_t token, int64_t col) {
    return partial_value(rank, token_value(group, token, col, 1));
  };
  for (const std::vector<int32_t>& spread : {std::vector<int32_t>{1, 1, 1, 1}, {2, 2}, {3, 1}}) {
    const testing::SimulatedProcesses world(layout, spread, {});
    testing::on_each_rank(4, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      const DpAttentionConfig config{.place = place_of(layout, rank),
                                     .hidden = kHidden,
                                     .dtype = DType::kFloat32,
                                     .sum_dtype = DType::kBFloat16,
                                     .max_group_tokens = kMaxTokens,
                                     .padding = DpPadding::fixed(DpPaddingMode::kExact)};
      auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      const RowsBuffer sums(DType::kFloat32, config.max_rows(), kHidden);
      const RowsBuffer sums_of_group(DType::kFloat32, kMaxTokens, kHidden);
      for (const auto mode : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact}) {
        (*exchange)->begin_step({.group_tokens = {5, kRowsOfAll - 5}, .padding = mode});
        const RowLayout& rows = (*exchange)->layout();
        for (size_t owner = 0; owner < 4; ++owner) {
          const RowLayout::Shard& shard = rows.shards[owner];
          for (int64_t i = 0; i < shard.rows; ++i) {
            float* const row = sums.first(rows.total_rows).row<float>(shard.first + i);
            for (int64_t col = 0; col < kHidden; ++col) {
              row[col] = part_of(rank, static_cast<int32_t>(owner / 2), shard.in_group + i, col);
            }
          }
        }
        const RowLayout::Shard& shard = (*exchange)->own_shard();
        const auto own_part_of = [&](int32_t from, int64_t i, int64_t col) {
          return part_of(from, rank / 2, shard.in_group + i, col);
        };
        const int64_t before = world.world(rank).received_bytes();
        const ConstRows own = (*exchange)->scatter(sums.first(rows.total_rows));
        EXPECT_EQ(world.world(rank).received_bytes() - before, 3 * shard.slot * kHidden * 2);
        expect_rounded_sums(own, 0, 4, own_part_of);

        const Rows of_group = sums_of_group.first(rows.groups[static_cast<size_t>(rank / 2)].rows);
        for (int64_t i = 0; i < of_group.rows; ++i) {
          for (int64_t col = 0; col < kHidden; ++col) of_group.row<float>(i)[col] = part_of(rank, rank / 2, i, col);
        }
        (*exchange)->take_counts();
        const int64_t before_group = world.group(rank).received_bytes();
        const ConstRows attended = (*exchange)->group_scatter(of_group);
        EXPECT_EQ(world.group(rank).received_bytes() - before_group, shard.rows * kHidden * 2);
        EXPECT_EQ((*exchange)->take_counts().scattered_bytes, static_cast<uint64_t>(of_group.rows * kHidden * 2));
        ASSERT_EQ(attended.rows, shard.rows);
        expect_rounded_sums(attended, rank / 2 * 2, 2, own_part_of);
      }
      ASSERT_TRUE(world.world(rank).barrier().ok());
    });
    EXPECT_FALSE(world.has_failed()) << world.failure();
  }
}

// A step in halves as a model computes it: what a group's token gets, by its row in the group, over three layers. The
// halves' calls interleave; `in_halves` false: the same step whole.
std::vector<float> rows_of_step(DpTokenExchange& exchange, const DpAttentionConfig& config,
                                const std::vector<int32_t>& tokens, DpPaddingMode mode, bool in_halves) {
  const RowsBuffer none;
  const RowsBuffer sums(DType::kFloat32, config.max_rows(), kHidden);
  const int32_t group = config.place.attn_dp_rank;
  const int64_t group_rows = tokens[static_cast<size_t>(group)];
  std::vector<float> out(static_cast<size_t>(3 * group_rows * kHidden));
  exchange.begin_step({.group_tokens = tokens, .padding = mode, .in_halves = in_halves});
  EXPECT_EQ(exchange.num_parts(), in_halves && mode != DpPaddingMode::kSumLen ? 2 : 1);
  const auto take_sums = [&](int32_t part, int layer) {
    const IndexRange rows = exchange.part_rows(part, group_rows);
    const ConstRows own = exchange.finish_scatter();
    ASSERT_EQ(own.rows, rows.end - rows.begin);
    for (int64_t i = 0; i < own.rows; ++i) {
      std::copy_n(own.row<float>(i), kHidden, out.data() + ((rows.begin + i) * 3 + layer) * kHidden);
    }
  };
  for (int layer = 0; layer < 3; ++layer) {
    int64_t first_sum = 0;
    for (int32_t part = 0; part < exchange.num_parts(); ++part) {
      exchange.select_part(part);
      if (layer > 0) take_sums(part, layer - 1);
      const IndexRange rows = exchange.part_rows(part, group_rows);
      const Rows own = exchange.own_slot(none, rows.end - rows.begin);
      for (int64_t i = 0; i < own.rows; ++i) {
        for (int64_t col = 0; col < kHidden; ++col) {
          own.row<float>(i)[col] = token_value(group, rows.begin + i, col, layer);
        }
      }
      exchange.begin_gather(own);
    }
    for (int32_t part = 0; part < exchange.num_parts(); ++part) {
      exchange.select_part(part);
      const ConstRows all = exchange.finish_gather();
      const Rows partial = sums.first(first_sum + all.rows).slice_rows(first_sum, all.rows);
      first_sum += all.rows;
      for (int64_t i = 0; i < all.rows; ++i) {
        for (int64_t col = 0; col < kHidden; ++col) {
          partial.row<float>(i)[col] = partial_value(config.place.tp_rank, all.row<float>(i)[col]);
        }
      }
      exchange.begin_scatter(partial);
    }
  }
  for (int32_t part = 0; part < exchange.num_parts(); ++part) {
    exchange.select_part(part);
    take_sums(part, 2);
  }
  return out;
}

TEST(HalvedAndRoundedExchange, HalvesHaveTheBitsOfWholeStepsAndMoveAsManyBytes) {
  const ParallelLayout layout{.tp_size = 3, .dp_size = 3, .enable_dp_attention = true};
  for (const std::vector<int32_t>& spread : {std::vector<int32_t>{1, 1, 1}, {2, 1}}) {
    for (const DType sum_dtype : {DType::kFloat32, DType::kBFloat16}) {
      const testing::SimulatedProcesses world(layout, spread, {});
      testing::on_each_rank(3, [&](int32_t rank) {
        const auto ops = make_ref_ops();
        const DpAttentionConfig config{.place = place_of(layout, rank),
                                       .hidden = kHidden,
                                       .dtype = DType::kFloat32,
                                       .sum_dtype = sum_dtype,
                                       .max_group_tokens = kMaxTokens,
                                       .padding = DpPadding::fixed(DpPaddingMode::kExact)};
        auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
        ASSERT_TRUE(exchange.ok()) << exchange.error().message;
        EXPECT_TRUE((*exchange)->may_halve());
        for (const auto mode : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact}) {
          for (const std::vector<int32_t>& tokens : {std::vector<int32_t>{9, 9, 9}, {5, 1, 0}, {0, 2, 7}}) {
            const auto whole = rows_of_step(**exchange, config, tokens, mode, false);
            const ExchangeCounts counts = (*exchange)->take_counts();
            const auto halves = rows_of_step(**exchange, config, tokens, mode, true);
            const ExchangeCounts of_halves = (*exchange)->take_counts();
            ASSERT_EQ(halves.size(), whole.size());
            for (size_t i = 0; i < whole.size(); ++i) expect_bits(halves[i], whole[i]);
            EXPECT_EQ(of_halves.steps_by_padding, counts.steps_by_padding);
            EXPECT_EQ(counts.whole_steps(), 1U);
            EXPECT_EQ(of_halves.halved_steps, mode == DpPaddingMode::kSumLen ? 0U : 1U);
            EXPECT_EQ(of_halves.whole_steps(), mode == DpPaddingMode::kSumLen ? 1U : 0U);
            if (mode == DpPaddingMode::kExact) {
              EXPECT_EQ(of_halves.gathered_bytes, counts.gathered_bytes);
              EXPECT_EQ(of_halves.scattered_bytes, counts.scattered_bytes);
            }
          }
        }
        ASSERT_TRUE(world.world(rank).barrier().ok());
      });
      EXPECT_FALSE(world.has_failed()) << world.failure();
    }
  }
}

TEST(HalvedAndRoundedExchange, StepsAreWholeWhereHalvesMakeNoSense) {
  const auto parts_of = [](const ThreadWorld& world, const ParallelLayout& layout, std::vector<int32_t> tokens) {
    std::vector<int32_t> parts(static_cast<size_t>(layout.tp_size));
    testing::on_each_rank(layout.tp_size, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      const DpAttentionConfig config{.place = place_of(layout, rank),
                                     .hidden = kHidden,
                                     .dtype = DType::kFloat32,
                                     .max_group_tokens = kMaxTokens,
                                     .padding = DpPadding::fixed(DpPaddingMode::kExact)};
      auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      (*exchange)->prepare_step(1, tokens, true);
      parts[static_cast<size_t>(rank)] = (*exchange)->num_parts();
    });
    return parts;
  };
  const ParallelLayout two{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const ParallelLayout four{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  EXPECT_EQ(parts_of(MessageWorld(two), two, {2, 0}), (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(parts_of(MessageWorld(two), two, {1, 1}), (std::vector<int32_t>{1, 1}));
  EXPECT_EQ(parts_of(LocalWorld(two), two, {2, 0}), (std::vector<int32_t>{1, 1}));
  EXPECT_EQ(parts_of(MessageWorld(four), four, {4, 4}), (std::vector<int32_t>{1, 1, 1, 1}));
}

TEST(HalvedAndRoundedExchange, RoundedSumsNeedRanksThatShareNoMemory) {
  const ParallelLayout layout{.tp_size = 2};
  const LocalWorld world(layout);
  testing::on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    DpAttentionConfig config = testing::small_exchange(layout, rank);
    config.sum_dtype = DType::kBFloat16;
    const auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
    ASSERT_FALSE(exchange.ok());
    EXPECT_EQ(exchange.error().message,
              "sums as bfloat16 (--exchange-dtype) are for ranks in several processes: these share memory");
  });
}

}  // namespace
}  // namespace braid
