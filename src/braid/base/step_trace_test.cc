#include "braid/base/step_trace.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace braid {
namespace {

TEST(StepTrace, RecordsOnlyWhileItIsOn) {
  StepTrace trace(2);
  const TraceSpan span{.phase = TracePhase::kFfn, .step = 7, .begin_s = 1, .end_s = 2};
  trace.add(0, span);
  trace.start();
  trace.add(1, span);
  { const TraceScope scope(&trace, 0, TracePhase::kPlan, 3); }
  auto all = trace.stop();
  trace.add(1, span);
  ASSERT_EQ(all.size(), 2U);
  ASSERT_EQ(all[0].size(), 1U);
  EXPECT_EQ(all[0][0].phase, TracePhase::kPlan);
  EXPECT_EQ(all[0][0].step, 3U);
  EXPECT_GT(all[0][0].begin_s, 0);
  EXPECT_GE(all[0][0].end_s, all[0][0].begin_s);
  EXPECT_EQ(all[1], std::vector<TraceSpan>{span});
  trace.start();
  all = trace.stop();
  EXPECT_TRUE(all[0].empty() && all[1].empty());
}

TEST(StepTrace, IsBounded) {
  StepTrace trace(1);
  trace.start();
  for (size_t i = 0; i < StepTrace::kMaxSpans + 10; ++i) trace.add(0, {});
  EXPECT_EQ(trace.stop()[0].size(), StepTrace::kMaxSpans);
}

TEST(StepTrace, WhatIsTakenOnTheWayIsNotReturnedAgainAndCounts) {
  StepTrace trace(1);
  trace.start();
  trace.add(0, {.step = 1});
  EXPECT_EQ(trace.take()[0].size(), 1U);
  EXPECT_TRUE(trace.take()[0].empty());
  for (size_t i = 0; i < StepTrace::kMaxSpans + 10; ++i) trace.add(0, {.step = 2});
  const auto rest = trace.stop();
  EXPECT_EQ(rest[0].size(), StepTrace::kMaxSpans - 1);
  EXPECT_EQ(rest[0].front().step, 2U);
}

TEST(StepTrace, StartsAndStopsWhileRanksRecord) {
  StepTrace trace(2);
  std::atomic<bool> is_over = false;
  std::vector<std::thread> ranks;
  for (int32_t rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      while (!is_over) const TraceScope scope(&trace, rank, TracePhase::kHeader, 1);
    });
  }
  for (int i = 0; i < 50; ++i) {
    trace.start();
    std::this_thread::yield();
    trace.take();
    trace.stop();
  }
  is_over = true;
  for (std::thread& rank : ranks) rank.join();
}

TEST(StepTrace, EveryPhaseHasAName) {
  for (int i = 0; i <= kNumTracePhases; ++i) EXPECT_FALSE(trace_phase_name(static_cast<TracePhase>(i)).empty());
}

}  // namespace
}  // namespace braid
