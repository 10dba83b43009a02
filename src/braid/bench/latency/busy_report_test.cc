#include "braid/bench/latency/busy_report.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

// A batch of 2 with 10 + 4 tokens: one prefill step, three decode steps.
constexpr BatchShape kShape = {.batch_size = 2, .input_len = 10, .output_len = 4};

BatchRun run_of(double prefill_s, std::vector<double> decode_s) {
  BatchRun run;
  run.prefill.step_seconds = {prefill_s};
  run.decode.step_seconds = std::move(decode_s);
  return run;
}

TEST(BusyReport, ARateIsTheMedianOfTheTurnsAndPercentilesAreOverAllSteps) {
  const std::vector<BatchRun> quiet = {run_of(1, {1, 1, 1}), run_of(2, {1, 1, 2}), run_of(3, {1, 1, 4})};
  const std::vector<BatchRun> busy = {run_of(4, {2, 2, 2}), run_of(5, {2, 2, 4}), run_of(50, {2, 2, 80})};
  const BusyReport report = busy_report(kShape, 1, quiet, busy);
  EXPECT_EQ(report.prefill.num_steps, 3);
  EXPECT_DOUBLE_EQ(report.prefill.quiet.tokens_per_s, 20.0 / 2);
  EXPECT_DOUBLE_EQ(report.prefill.busy.tokens_per_s, 20.0 / 5);
  EXPECT_DOUBLE_EQ(report.prefill.ratio(), 0.4);
  EXPECT_EQ(report.decode.num_steps, 9);
  EXPECT_DOUBLE_EQ(report.decode.quiet.tokens_per_s, 6.0 / 4);
  EXPECT_DOUBLE_EQ(report.decode.ratio(), 0.5);
  EXPECT_DOUBLE_EQ(report.decode.busy.p50_s, 2);
  EXPECT_DOUBLE_EQ(report.decode.busy.worst_s, 80);
  EXPECT_DOUBLE_EQ(report.decode.busy.p99_s, 4 + 0.92 * 76);  // between the two slowest of nine
}

TEST(BusyReport, APhaseWithoutStepsIsLeftOut) {
  BatchRun run = run_of(1, {1, 1, 1});
  run.prefill.step_seconds.clear();
  const std::vector<BatchRun> runs = {run};
  const BusyReport report = busy_report(kShape, 2, runs, runs);
  EXPECT_EQ(report.prefill.num_steps, 0);
  EXPECT_TRUE(to_json(report).at("prefill").is_null());
  EXPECT_EQ(to_json(report).at("decode").at("ratio"), 1);
  const std::string table = table_of(report);
  EXPECT_EQ(table.find("prefill"), std::string::npos) << table;
  EXPECT_NE(table.find("decode   busy          2.0   100.0 %"), std::string::npos) << table;
}

}  // namespace
}  // namespace braid
