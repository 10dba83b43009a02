#include "braid/parallel/flight_recorder.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(FlightRecorder, ReportsWhereEachRankIsAndWhichRanksItWaitsFor) {
  FlightRecorder recorder(4, 2);
  EXPECT_EQ(recorder.report(0),
            "rank 0: has called nothing yet\nrank 1: has called nothing yet\n"
            "rank 2: has called nothing yet\nrank 3: has called nothing yet");
  const OpRecord first{.step = 1, .op = 0, .kind = OpKind::kBarrier, .entered_s = 1};
  for (int32_t rank = 0; rank < 4; ++rank) recorder.leave(rank, recorder.enter(rank, first), 2);
  recorder.enter(0, {.step = 1, .op = 1, .kind = OpKind::kAllGather, .bytes = 64, .entered_s = 3});
  recorder.enter(2, {.step = 1, .op = 0, .kind = OpKind::kAllReduce, .is_group = true, .bytes = 8, .entered_s = 4});
  EXPECT_EQ(recorder.report(5),
            "rank 0: in world all_gather (step 1, op 1, 64 bytes) for 2.000 s, waits for rank 1, 2, 3; before: world "
            "barrier (step 1, op 0, 0 bytes)\n"
            "rank 1: in no operation for 3.000 s, the last was world barrier (step 1, op 0, 0 bytes)\n"
            "rank 2: in group all_reduce (step 1, op 0, 8 bytes) for 1.000 s, waits for rank 3; before: world barrier "
            "(step 1, op 0, 0 bytes)\n"
            "rank 3: in no operation for 3.000 s, the last was world barrier (step 1, op 0, 0 bytes)");
}

TEST(FlightRecorder, KeepsTheLastOperations) {
  FlightRecorder recorder(1, 1);
  for (int32_t op = 0; op < 100; ++op) recorder.leave(0, recorder.enter(0, {.op = op}), op);
  const auto last = recorder.last(0);
  ASSERT_EQ(last.size(), static_cast<size_t>(FlightRecorder::kKept));
  EXPECT_EQ(last.front().op, 100 - FlightRecorder::kKept);
  EXPECT_EQ(last.back().op, 99);
}

TEST(FlightRecorder, TracesOperationsThatEndWhileTheTraceIsOn) {
  StepTrace trace(2);
  FlightRecorder recorder(3, 1);
  recorder.trace_to(trace, -1);  // ranks 1 and 2 are here
  recorder.leave(1, recorder.enter(1, {.step = 4, .entered_s = 1}), 2);
  const uint64_t under_way = recorder.enter(1, {.step = 4, .op = 1, .kind = OpKind::kAllGather, .entered_s = 2.5});
  trace.start();
  recorder.leave(1, under_way, 3);
  recorder.leave(
      2,
      recorder.enter(
          2, {.step = 5, .op = 7, .kind = OpKind::kReduceScatterV, .is_group = true, .bytes = 640, .entered_s = 4}),
      6);
  const auto spans = trace.stop();
  ASSERT_EQ(spans[0].size(), 1U);
  EXPECT_EQ(spans[0][0].begin_s, 2.5);
  ASSERT_EQ(spans[1].size(), 1U);
  EXPECT_EQ(
      spans[1][0],
      (TraceSpan{
          .phase = TracePhase::kOperation,
          .step = 5,
          .begin_s = 4,
          .end_s = 6,
          .op = {.bytes = 640, .number = 7, .kind = static_cast<uint8_t>(OpKind::kReduceScatterV), .is_group = true}}));
}

}  // namespace
}  // namespace braid
