#include "braid/bench/planning/planning.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "braid/bench/planning/prompts.h"
#include "braid/formats/json.h"
#include "tests/support/bench/printed_by.h"

namespace braid {
namespace {

PlanningOptions small_options() {
  return {.cached_prompts = 20,
          .running = 6,
          .waiting = 5,
          .num_prefixes = 2,
          .prefix_len = 32,
          .prompt_len = 96,
          .output_len = 24,
          .chunked_prefill_size = 64,
          .steps = 60,
          .held_steps = 3};
}

TEST(Planning, RunsAsManyRequestsAsItIsToldAndFindsTheirPrefixes) {
  const PlanningOptions options = small_options();
  const PlanningReport report = measure_planning(options).value();
  EXPECT_GT(report.mean_running, 4);
  EXPECT_LE(report.mean_running, 6);
  EXPECT_GT(report.mean_prompts, 0);
  EXPECT_GT(report.prefix_hit_rate, 0.2);  // one of the two prefixes makes up a third to two thirds of a prompt
  EXPECT_LT(report.prefix_hit_rate, 0.9);
  for (const char* name : {"queue", "take", "plan", "commit", "all", "view", "plan, held"}) {
    const PlanningPart& part = report.part(name);
    EXPECT_LE(part.median_us, part.p99_us) << name;
    EXPECT_LE(part.p99_us, part.longest_us) << name;
  }
  EXPECT_GE(report.part("all").longest_us, report.part("plan").longest_us);
  EXPECT_GT(report.part("plan, held").median_us, 0);
}

TEST(PromptSource, PromptsShareTheirPrefixes) {
  const PlanningOptions options = small_options();
  planning::PromptSource source(options);
  planning::PromptSource again(options);
  for (int i = 0; i < 20; ++i) {
    const SchedulerRequest request = source.next();
    EXPECT_EQ(request, again.next());
    EXPECT_GE(request.prompt.size(), 32U + 16U);
    EXPECT_LE(request.prompt.size(), 96U);
    EXPECT_GE(request.sampling.max_new_tokens, 1);
    EXPECT_LE(request.sampling.max_new_tokens, 24);
  }
  EXPECT_EQ(source.next(1).sampling.max_new_tokens, 1);
}

TEST(Planning, WithoutHeldStepsNoneAreMeasured) {
  PlanningOptions options = small_options();
  options.held_steps = 0;
  EXPECT_EQ(measure_planning(options).value().part("plan, held").longest_us, 0);
}

TEST(Planning, APrefixAsLongAsThePromptIsAnError) {
  PlanningOptions options = small_options();
  options.prefix_len = 96;
  EXPECT_EQ(measure_planning(options).error().message, "--prefix-len 96: must be below --prompt-len 96");
}

TEST(Planning, JsonHasEveryPartAsAShareOfAStep) {
  PlanningOptions options = small_options();
  options.json = true;
  options.step_ms = 50;
  const std::string text =
      testing::printed_by([&](std::FILE* out) { EXPECT_TRUE(run_bench_planning(options, out).ok()); });
  const Json report = parse_json(text).value();
  EXPECT_EQ(report["cached_prompts"], 20);
  ASSERT_EQ(report["parts"].size(), 7U);
  for (const Json& part : report["parts"]) {
    EXPECT_DOUBLE_EQ(part["p99_share_of_step"].get<double>(), part["p99_us"].get<double>() / 50'000);
  }
}

}  // namespace
}  // namespace braid
