#include "braid/parallel/traced_exchange.h"

#include <gtest/gtest.h>

#include <vector>

#include "braid/base/clock.h"

namespace braid {
namespace {

std::vector<TracePhase> phases_of(const std::vector<TraceSpan>& spans) {
  std::vector<TracePhase> phases;
  for (const TraceSpan& span : spans) phases.push_back(span.phase);
  return phases;
}

void run_layer_and_head(TracedExchange& exchange, ConstRows rows) {
  exchange.group_scatter(exchange.group_gather(rows));
  exchange.scatter(exchange.gather(rows));
  const ConstRows chosen = exchange.gather_logit_rows(rows);
  EXPECT_EQ(exchange.share_logits(chosen, chosen.rows, chosen.cols).rows, rows.rows);
}

TEST(TracedExchange, NamesThePhasesBetweenCallsAndLeavesNoGap) {
  const RowsBuffer memory(DType::kFloat32, 4, 8);
  SingleRankExchange inner;
  StepTrace trace(3);
  TracedExchange exchange(inner, trace, 2);
  trace.start();
  exchange.begin_step(9);
  run_layer_and_head(exchange, memory.first(4));
  exchange.end_step();
  const auto all = trace.stop();
  using enum TracePhase;
  const std::vector<TracePhase> expected = {kAttention, kGather,    kAttention, kScatter, kAttention, kGather, kFfn,
                                            kScatter,   kAttention, kGather,    kHead,    kScatter,   kSample};
  EXPECT_EQ(phases_of(all[2]), expected);
  EXPECT_TRUE(all[0].empty() && all[1].empty());
  for (size_t i = 0; i < all[2].size(); ++i) {
    EXPECT_EQ(all[2][i].step, 9U);
    EXPECT_TRUE(i == 0 || all[2][i].begin_s == all[2][i - 1].end_s) << i;
  }
}

TEST(TracedExchange, CountsItsSecondsAlsoWhileNothingIsRecorded) {
  const RowsBuffer memory(DType::kFloat32, 4, 8);
  SingleRankExchange inner;
  StepTrace trace(1);
  TracedExchange exchange(inner, trace, 0);
  const auto wait = [] {
    const double start_s = monotonic_seconds();
    while (monotonic_seconds() < start_s + 0.002) continue;
  };
  const double start_s = monotonic_seconds();
  exchange.begin_step(1);
  exchange.group_gather(memory.first(4));
  wait();  // in attention
  const ConstRows all = exchange.gather(memory.first(4));
  EXPECT_EQ(exchange.even_work_s(), 0);
  EXPECT_LT(exchange.shared_s(), 0.002);
  wait();
  exchange.scatter(all);
  wait();
  exchange.end_step();
  EXPECT_GE(exchange.even_work_s(), 0.002);
  EXPECT_GE(exchange.shared_s(), exchange.even_work_s()) << "with the calls around it";
  EXPECT_LE(exchange.shared_s(), exchange.even_work_s() + exchange.exchanged_s() + 0.001) << "and not the rest";
  EXPECT_GT(exchange.exchanged_s(), 0);
  EXPECT_LE(exchange.even_work_s() + exchange.exchanged_s(), monotonic_seconds() - start_s - 0.004);
}

// One call, part of which waited for a slower rank.
class WaitingExchange final : public SingleRankExchange {
 public:
  ConstRows finish_gather() override {
    const double start_s = monotonic_seconds();
    while (monotonic_seconds() < start_s + 0.002) continue;
    waited_s_ += 0.001;
    return SingleRankExchange::finish_gather();
  }
  double waited_s() const override { return waited_s_; }

 private:
  double waited_s_ = 5;  // in earlier steps
};

TEST(TracedExchange, SeparatesWaitingFromTheCallThatWaits) {
  const RowsBuffer memory(DType::kFloat32, 4, 8);
  WaitingExchange inner;
  StepTrace trace(1);
  TracedExchange exchange(inner, trace, 0);
  trace.start();
  exchange.begin_step(1);
  exchange.scatter(exchange.gather(memory.first(4)));
  exchange.end_step();
  const std::vector<TraceSpan> spans = trace.stop()[0];
  using enum TracePhase;
  EXPECT_EQ(phases_of(spans), (std::vector<TracePhase>{kAttention, kWait, kGather, kFfn, kScatter, kAttention}));
  EXPECT_NEAR(spans.at(1).end_s - spans.at(1).begin_s, 0.001, 1e-9);
  EXPECT_EQ(spans.at(2).begin_s, spans.at(1).end_s);
  EXPECT_GE(spans.at(2).end_s - spans.at(1).begin_s, 0.002);
}

// Two parts whose calls interleave: a call that has begun goes on when its part is selected again.
class TwoParts final : public SingleRankExchange {
 public:
  int32_t num_parts() const override { return 2; }
};

TEST(TracedExchange, FollowsThePartsOfAStep) {
  const RowsBuffer memory(DType::kFloat32, 4, 8);
  TwoParts inner;
  StepTrace trace(1);
  TracedExchange exchange(inner, trace, 0);
  trace.start();
  exchange.begin_step(1);
  for (const int32_t part : {0, 1}) {
    exchange.select_part(part);
    exchange.begin_gather(memory.first(2));
  }
  for (const int32_t part : {0, 1}) {
    exchange.select_part(part);
    exchange.begin_scatter(exchange.finish_gather());
  }
  for (const int32_t part : {0, 1}) {
    exchange.select_part(part);
    exchange.finish_scatter();
  }
  exchange.end_step();
  const std::vector<TraceSpan> spans = trace.stop()[0];
  using enum TracePhase;
  EXPECT_EQ(phases_of(spans),
            (std::vector<TracePhase>{kAttention, kGather, kAttention, kGather, kGather, kFfn, kScatter, kGather, kFfn,
                                     kScatter, kScatter, kAttention, kScatter, kAttention}));
  for (size_t i = 1; i < spans.size(); ++i) EXPECT_EQ(spans[i].begin_s, spans[i - 1].end_s) << i;
}

TEST(TracedExchange, SeparatesASumWithinAttention) {
  const RowsBuffer memory(DType::kFloat32, 2, 8);
  SingleRankExchange inner;
  StepTrace trace(1);
  TracedExchange exchange(inner, trace, 0);
  trace.start();
  exchange.begin_step(1);
  exchange.group_sum(memory.first(2));
  exchange.end_step();
  using enum TracePhase;
  EXPECT_EQ(phases_of(trace.stop()[0]), (std::vector<TracePhase>{kAttention, kScatter, kAttention}));
}

TEST(TracedExchange, RecordsNoPartialSpanIfTurnedOnOrOffWithinAStep) {
  const RowsBuffer memory(DType::kFloat32, 1, 8);
  SingleRankExchange inner;
  StepTrace trace(1);
  TracedExchange exchange(inner, trace, 0);
  exchange.begin_step(1);
  exchange.gather(memory.first(1));
  trace.start();
  exchange.scatter(memory.first(1));  // its span began while tracing was off
  exchange.end_step();
  const auto all = trace.stop();
  for (const TraceSpan& span : all[0]) EXPECT_GT(span.begin_s, 0);
  EXPECT_EQ(phases_of(all[0]), (std::vector<TracePhase>{TracePhase::kScatter, TracePhase::kAttention}));
}

}  // namespace
}  // namespace braid
