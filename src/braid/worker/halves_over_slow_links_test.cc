// --overlap-halves auto over a link of a given rate: the steps of a rank, with its exchange and its choice, in which
// sleeps stand for computing. Sleeps take no processor, so a busy machine changes little.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "braid/base/clock.h"
#include "braid/kernels/make_ops.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/worker/halves_choice.h"
#include "tests/support/parallel/simulated_processes.h"

namespace braid {
namespace {

constexpr int64_t kHiddenOfSlowLink = 256;
constexpr int32_t kTokensOfGroup = 64;
constexpr int kLayersOfSlowLink = 3;

// What a part of a step takes between two exchanges: reading the weights, and computing with them.
struct ComputeCost {
  double fixed_s = 0;
  double row_s = 0;
};

void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// One step as a model computes it, whole or in parts. Returns the seconds that this rank waited for rows.
double run_slow_step(DpTokenExchange& exchange, RowsBuffer& sums, const ComputeCost& cost) {
  const RowsBuffer none;
  double waited_s = 0;
  const auto waiting = [&](auto finish) {
    const double start_s = monotonic_seconds();
    const ConstRows rows = finish();
    waited_s += monotonic_seconds() - start_s;
    return rows;
  };
  for (int layer = 0; layer < kLayersOfSlowLink; ++layer) {
    for (int32_t part = 0; part < exchange.num_parts(); ++part) {
      exchange.select_part(part);
      if (layer > 0) waiting([&] { return exchange.finish_scatter(); });
      const IndexRange rows = exchange.part_rows(part, kTokensOfGroup);
      sleep_for(cost.fixed_s + cost.row_s * static_cast<double>(rows.end - rows.begin));
      exchange.begin_gather(exchange.own_slot(none, rows.end - rows.begin));
    }
    int64_t first_sum = 0;
    for (int32_t part = 0; part < exchange.num_parts(); ++part) {
      exchange.select_part(part);
      const ConstRows all = waiting([&] { return exchange.finish_gather(); });
      sleep_for(cost.fixed_s + cost.row_s * static_cast<double>(all.rows) / 2);  // its share of all groups' rows
      exchange.begin_scatter(sums.first(first_sum + all.rows).slice_rows(first_sum, all.rows));
      first_sum += all.rows;
    }
  }
  for (int32_t part = 0; part < exchange.num_parts(); ++part) {
    exchange.select_part(part);
    waiting([&] { return exchange.finish_scatter(); });
  }
  return waited_s;
}

// Steps of two processes, each computed as rank 0's choice says. Returns what rank 0 counted in the last `count`.
ExchangeCounts counts_over(double bytes_per_s, const ComputeCost& cost, int32_t count) {
  constexpr int32_t kLearning = 16;
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const testing::SimulatedProcesses world(layout, {1, 1}, {}, bytes_per_s);
  HalvesChoice choice(OverlapHalves::kAuto);
  std::atomic<uint32_t> halved_sizes = 0;  // stands for rank 0's header
  ExchangeCounts counts;
  testing::on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    const DpAttentionConfig config{.place = place_of(layout, rank),
                                   .hidden = kHiddenOfSlowLink,
                                   .dtype = DType::kFloat32,
                                   .max_group_tokens = kTokensOfGroup,
                                   .padding = DpPadding::fixed(DpPaddingMode::kExact)};
    const auto exchange = initialize_dp_attention(config, *ops, world.world(rank), world.group(rank));
    ASSERT_TRUE(exchange.ok()) << exchange.error().message;
    RowsBuffer sums(DType::kFloat32, config.max_rows(), kHiddenOfSlowLink);
    const std::vector<int32_t> tokens(2, kTokensOfGroup);
    for (int32_t step = 1; step <= kLearning + count; ++step) {
      if (rank == 0) halved_sizes = choice.sizes();
      ASSERT_TRUE(world.world(rank).barrier().ok());
      const double start_s = monotonic_seconds();
      (*exchange)->prepare_step(step, tokens, HalvesChoice::has_size(halved_sizes, kTokensOfGroup));
      const double exchange_s = run_slow_step(**exchange, sums, cost);
      const ExchangeCounts of_step = (*exchange)->take_counts();
      if (rank == 0) {
        choice.learn({.longest = kTokensOfGroup,
                      .tokens = 2 * kTokensOfGroup,
                      .in_halves = (*exchange)->num_parts() > 1,
                      .seconds = monotonic_seconds() - start_s,
                      .exchange_s = exchange_s});
        if (step > kLearning) counts += of_step;
      }
      ASSERT_TRUE(world.world(rank).barrier().ok());
    }
  });
  EXPECT_FALSE(world.has_failed()) << world.failure();
  return counts;
}

// 64 KB take 8 ms, as long as computing does before and behind them. In halves most of that is hidden.
TEST(HalvesOverSlowLinks, AutoTakesHalvesWhereTheLinkTakesAsLongAsTheRows) {
  const ExchangeCounts counts = counts_over(8e6, {.row_s = 8e-3 / kTokensOfGroup}, 10);
  EXPECT_EQ(counts.halved_steps + counts.whole_steps(), 10U);
  EXPECT_GT(counts.halved_steps, counts.whole_steps());
}

// The link takes a fifth of a whole step, but two halves read the weights twice.
TEST(HalvesOverSlowLinks, AutoComputesStepsWholeWhereHalvesReadTheWeightsTwice) {
  const ExchangeCounts counts = counts_over(32e6, {.fixed_s = 8e-3}, 10);
  EXPECT_EQ(counts.halved_steps + counts.whole_steps(), 10U);
  EXPECT_LT(counts.halved_steps, counts.whole_steps());
}

}  // namespace
}  // namespace braid
