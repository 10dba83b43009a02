// Rows are gathered and scattered with the same bits in every padding mode over all transports, many times in a
// layer's order, with a model's two buffers for partial sums.
#include "braid/parallel/dp_token_exchange.h"

#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <random>
#include <thread>

#include "braid/kernels/make_ops.h"
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

float summed(int32_t first_rank, int32_t num_ranks, float value) {
  float sum = partial_value(first_rank, value);
  for (int32_t rank = 1; rank < num_ranks; ++rank) sum += partial_value(first_rank + rank, value);
  return sum;
}

// One rank's step: three layers that call the exchange as PreNormLayer does, with a sum within attention.
void run_layers(DpTokenExchange& exchange, const DpAttentionConfig& config, const RowsBuffer& sums_of_group,
                const RowsBuffer& sums_of_all) {
  const RankPlace& place = config.place;
  const RowLayout::Shard own = exchange.own_shard();
  const int64_t group_rows = exchange.layout().groups[static_cast<size_t>(place.attn_dp_rank)].rows;
  const int32_t first_rank = place.attn_dp_rank * place.attn_tp_size;
  const RowsBuffer none;
  const auto write_own = [&](int layer) {
    const Rows rows = exchange.own_slot(none, own.rows);
    for (int64_t i = 0; i < own.rows; ++i) {
      for (int64_t col = 0; col < kHidden; ++col) {
        rows.row<float>(i)[col] = token_value(place.attn_dp_rank, own.in_group + i, col, layer);
      }
    }
    return rows;
  };
  const auto partial_of = [&](const RowsBuffer& buffer, ConstRows x) {
    const Rows partial = buffer.first(x.rows);
    for (int64_t i = 0; i < x.rows; ++i) {
      for (int64_t col = 0; col < kHidden; ++col) {
        partial.row<float>(i)[col] = partial_value(place.tp_rank, x.row<float>(i)[col]);
      }
    }
    return partial;
  };

  for (int layer = 0; layer < 3; ++layer) {
    const ConstRows group = exchange.group_gather(write_own(layer));
    ASSERT_EQ(group.rows, group_rows);
    for (int64_t i = 0; i < group_rows; ++i) {
      for (int64_t col = 0; col < kHidden; ++col) {
        expect_bits(group.row<float>(i)[col], token_value(place.attn_dp_rank, i, col, layer));
      }
    }
    const RowsBuffer numbers(DType::kFloat32, kMaxTokens, 1);
    for (int64_t i = 0; i < group_rows; ++i) {
      numbers.first(group_rows).row<float>(i)[0] = partial_value(place.tp_rank, group.row<float>(i)[2]);
    }
    exchange.group_sum(numbers.first(group_rows));
    for (int64_t i = 0; i < group_rows; ++i) {
      const float value = token_value(place.attn_dp_rank, i, 2, layer);
      expect_bits(numbers.first(group_rows).row<float>(i)[0], summed(first_rank, place.attn_tp_size, value));
    }
    const ConstRows attended = exchange.group_scatter(partial_of(sums_of_group, group));
    ASSERT_EQ(attended.rows, own.rows);
    for (int64_t i = 0; i < own.rows; ++i) {
      const float value = token_value(place.attn_dp_rank, own.in_group + i, 1, layer);
      expect_bits(attended.row<float>(i)[1], summed(first_rank, place.attn_tp_size, value));
    }

    const ConstRows all = exchange.gather(write_own(layer + 3));
    ASSERT_EQ(all.rows, exchange.layout().total_rows);
    for (int32_t rank = 0; rank < place.tp_size; ++rank) {
      const RowLayout::Shard& shard = exchange.layout().shards[static_cast<size_t>(rank)];
      for (int64_t i = 0; i < shard.slot; ++i) {
        for (int64_t col = 0; col < kHidden; ++col) {
          const float expected =
              i < shard.rows ? token_value(rank / place.attn_tp_size, shard.in_group + i, col, layer + 3) : 0.0F;
          expect_bits(all.row<float>(shard.first + i)[col], expected);
        }
      }
    }
    const ConstRows sums = exchange.scatter(partial_of(sums_of_all, all));
    ASSERT_EQ(sums.rows, own.rows);
    for (int64_t i = 0; i < own.rows; ++i) {
      for (int64_t col = 0; col < kHidden; ++col) {
        const float value = token_value(place.attn_dp_rank, own.in_group + i, col, layer + 3);
        expect_bits(sums.row<float>(i)[col], summed(0, place.tp_size, value));
      }
    }
  }
}

template <typename World>
void for_each_rank(const World& world, const ParallelLayout& layout, DpPadding padding,
                   const std::function<void(DpTokenExchange&, const DpAttentionConfig&)>& work) {
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < layout.tp_size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto ops = make_ref_ops();
      const DpAttentionConfig config{.place = place_of(layout, rank),
                                     .hidden = kHidden,
                                     .dtype = DType::kFloat32,
                                     .max_group_tokens = kMaxTokens,
                                     .padding = padding};
      auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      const Status worked = until_world_ends([&] { work(**exchange, config); });
      EXPECT_TRUE(worked.ok()) << worked.error().message;
      ASSERT_TRUE(world.world(rank).barrier().ok());  // the peers have read this rank's buffers
    });
  }
  for (auto& thread : threads) thread.join();
}

const std::vector<ParallelLayout> kLayouts{
    {.tp_size = 2},
    {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
    {.tp_size = 3, .dp_size = 3, .enable_dp_attention = true},
    {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true},
    {.tp_size = 4, .dp_size = 4, .enable_dp_attention = true},
    {.tp_size = 6, .dp_size = 2, .enable_dp_attention = true},
};

template <typename World>
class DpTokenExchangeOver : public ::testing::Test {};
using ExchangeWorlds = ::testing::Types<LocalWorld, MessageWorld, testing::SimulatedProcesses>;
TYPED_TEST_SUITE(DpTokenExchangeOver, ExchangeWorlds);

TYPED_TEST(DpTokenExchangeOver, RowsAndSumsHaveTheSameBitsInEveryMode) {
  for (const ParallelLayout& layout : kLayouts) {
    const TypeParam world(layout);
    for_each_rank(
        world, layout, DpPadding::fixed(DpPaddingMode::kExact),
        [&](DpTokenExchange& exchange, const DpAttentionConfig& config) {
          const RowsBuffer sums_of_group(DType::kFloat32, kMaxTokens, kHidden);
          const RowsBuffer sums_of_all(DType::kFloat32, config.max_rows(), kHidden);
          std::mt19937 random(5);  // the same on all ranks
          for (int64_t step = 0; step < 24; ++step) {
            DpAttentionMetadata metadata{.step = step, .padding = static_cast<DpPaddingMode>(step % 3)};
            for (int32_t group = 0; group < config.place.dp_size; ++group) {
              metadata.group_tokens.push_back(random() % 3 == 0 ? 0
                                                                : static_cast<int32_t>(random() % (kMaxTokens + 1)));
            }
            world.world(config.place.tp_rank).begin_step(step);
            exchange.begin_step(metadata);
            run_layers(exchange, config, sums_of_group, sums_of_all);
          }
          ASSERT_TRUE(world.world(config.place.tp_rank).barrier().ok());  // the peers have read this rank's sums
        });
    EXPECT_FALSE(world.has_failed()) << world.failure();
  }
}

// All ranks use rank 0's figures. If nothing is copied, there is nothing to measure and no padding.
TYPED_TEST(DpTokenExchangeOver, AutoPaddingIsTheSameOnAllRanks) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 4, .enable_dp_attention = true};
  const TypeParam world(layout);
  std::vector<std::vector<DpPaddingMode>> chosen(4);
  std::vector<std::optional<ExchangeCosts>> costs(4);
  for_each_rank(world, layout, DpPadding(), [&](DpTokenExchange& exchange, const DpAttentionConfig& config) {
    const auto rank = static_cast<size_t>(config.place.tp_rank);
    costs[rank] = exchange.costs();
    for (const std::vector<int32_t>& tokens :
         {std::vector<int32_t>{9, 9, 9, 9}, std::vector<int32_t>{9, 0, 0, 0}, std::vector<int32_t>{0, 0, 0, 0}}) {
      chosen[rank].push_back(exchange.choose_padding(tokens));
    }
  });
  const bool copies = !std::is_same_v<TypeParam, LocalWorld>;
  for (size_t rank = 0; rank < chosen.size(); ++rank) {
    EXPECT_EQ(chosen[rank], chosen[0]);
    ASSERT_EQ(costs[rank].has_value(), copies);
    if (!copies) {
      EXPECT_EQ(chosen[rank], std::vector<DpPaddingMode>(3, DpPaddingMode::kExact));
      continue;
    }
    EXPECT_EQ(costs[rank], costs[0]);
    ASSERT_EQ(costs[rank]->points.size(), 4U);  // 1, 2, 4 and 9 tokens
    for (const ExchangeCosts::Point& point : costs[rank]->points) {
      for (size_t mode = 0; mode < kNumPaddingModes; ++mode) {
        EXPECT_GT(point.balanced_s[mode], 0);
        EXPECT_GT(point.one_busy_s[mode], 0);
      }
    }
  }
}

TYPED_TEST(DpTokenExchangeOver, KnownCostsAreNotMeasuredAgain) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const ExchangeCosts known{.points = {{.tokens = 1, .balanced_s = {1, 2, 3}, .one_busy_s = {2, 1, 3}}}};
  const TypeParam world(layout);
  testing::on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    DpAttentionConfig config = testing::small_exchange(layout, rank);
    config.known_costs = known;
    const auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
    ASSERT_TRUE(exchange.ok()) << exchange.error().message;
    const bool copies = !std::is_same_v<TypeParam, LocalWorld>;
    EXPECT_EQ((*exchange)->costs(), copies ? std::optional(known) : std::nullopt);
    EXPECT_EQ((*exchange)->choose_padding(std::vector<int32_t>{5, 0}),
              copies ? DpPaddingMode::kSumLen : DpPaddingMode::kExact);
  });
}

TYPED_TEST(DpTokenExchangeOver, PublishedPaddingFollowsTheRule) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const TypeParam world(layout);
  for_each_rank(world, layout, {.rule = DpPadding::Rule::kPublished},
                [](DpTokenExchange& exchange, const DpAttentionConfig&) {
                  EXPECT_EQ(exchange.prepare_step(1, std::vector<int32_t>{9, 1}), DpPaddingMode::kMaxLen);
                  EXPECT_EQ(exchange.prepare_step(2, std::vector<int32_t>{9, 0}), DpPaddingMode::kSumLen);
                  EXPECT_FALSE(exchange.costs().has_value());  // nothing is measured
                });
}

// Of its group's ranks: what they receive from others, if anything is copied.
TYPED_TEST(DpTokenExchangeOver, CountsStepsAndBytesOfTheGroup) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  const TypeParam world(layout);
  for_each_rank(world, layout, DpPadding::fixed(DpPaddingMode::kExact),
                [&](DpTokenExchange& exchange, const DpAttentionConfig& config) {
                  const RowsBuffer sums_of_group(DType::kFloat32, kMaxTokens, kHidden);
                  const RowsBuffer sums_of_all(DType::kFloat32, config.max_rows(), kHidden);
                  exchange.prepare_step(1, std::vector<int32_t>{6, 2});
                  run_layers(exchange, config, sums_of_group, sums_of_all);
                  const ExchangeCounts counts = exchange.take_counts();
                  EXPECT_EQ(counts.steps_by_padding, (std::array<uint64_t, 3>{0, 0, 1}));
                  // 3 layers. Both ranks of a group receive its rows once for attention, and all 8 rows for the rest.
                  const bool copies = !std::is_same_v<TypeParam, LocalWorld>;
                  const int64_t rows = config.place.attn_dp_rank == 0 ? 6 : 2;
                  const int64_t gathered = 3 * (rows + 2 * 8 - rows) * kHidden * 4;
                  const int64_t scattered = 3 * (rows + 3 * rows) * kHidden * 4;
                  EXPECT_EQ(counts.gathered_bytes, static_cast<uint64_t>(copies ? gathered : 0));
                  EXPECT_EQ(counts.scattered_bytes, static_cast<uint64_t>(copies ? scattered : 0));
                  EXPECT_EQ(exchange.take_counts(), ExchangeCounts());
                  ASSERT_TRUE(world.world(config.place.tp_rank).barrier().ok());  // the peers have read its sums
                });
  EXPECT_FALSE(world.has_failed()) << world.failure();
}

TEST(DpTokenExchange, ReceivesGatherBytesAndScatterBytes) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 4, .enable_dp_attention = true};
  for (const auto mode : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact}) {
    for (const std::vector<int32_t>& tokens :
         {std::vector<int32_t>{5, 5, 5, 5}, std::vector<int32_t>{9, 1, 2, 3}, std::vector<int32_t>{0, 7, 0, 0}}) {
      const MessageWorld world(layout);
      for_each_rank(world, layout, DpPadding::fixed(mode),
                    [&](DpTokenExchange& exchange, const DpAttentionConfig& config) {
                      const WorldCommunicator comm = world.world(config.place.tp_rank);
                      const RowsBuffer delta(DType::kFloat32, config.max_rows(), kHidden);
                      const RowsBuffer none;
                      exchange.begin_step({.group_tokens = tokens, .padding = mode});
                      const int32_t rank = config.place.tp_rank;
                      const int64_t before = comm.received_bytes();
                      exchange.gather(exchange.own_slot(none, exchange.own_shard().rows));
                      const int64_t gathered = comm.received_bytes();
                      EXPECT_EQ(gathered - before, gather_bytes(exchange.layout(), mode, rank, config.row_bytes()));
                      exchange.scatter(delta.first(exchange.layout().total_rows));
                      EXPECT_EQ(comm.received_bytes() - gathered,
                                scatter_bytes(exchange.layout(), mode, rank, config.sum_row_bytes()));
                    });
    }
  }
}

TEST(DpTokenExchange, AnEndedWorldEndsTheForwardPass) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const LocalWorld world(layout, {.timeout_s = 60});
  std::latch both_ready(2);
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      const auto ops = make_ref_ops();
      const DpAttentionConfig config{
          .place = place_of(layout, rank), .hidden = kHidden, .dtype = DType::kFloat32, .max_group_tokens = kMaxTokens};
      auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok());
      both_ready.arrive_and_wait();  // not a rendezvous: an abort right after it could still break it
      if (rank == 1) return world.world(1).abort("no memory");
      (*exchange)->begin_step({.group_tokens = {3, 3}});
      const RowsBuffer rows(DType::kFloat32, 6, kHidden);
      bool went_on = false;
      const Status passed = until_world_ends([&] {
        (*exchange)->gather((*exchange)->own_slot(rows, 3));
        went_on = true;
      });
      EXPECT_FALSE(went_on);
      ASSERT_FALSE(passed.ok());
      EXPECT_NE(passed.error().message.find("rank 1 gave up in step 0: no memory"), std::string::npos);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace braid
