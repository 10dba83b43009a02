#include "braid/bench/simulate/simulate.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>

#include "braid/base/check.h"
#include "braid/bench/simulate/arrivals.h"
#include "braid/bench/simulate/balances.h"
#include "braid/formats/json.h"
#include "tests/support/bench/printed_by.h"

namespace braid {
namespace {

using simulate::Arrival;
using simulate::Arrivals;
using simulate::StepCost;

SimulateOptions short_simulation() {
  return {.request_rate = 0.2,
          .duration_s = 1800,
          .longest_prompt = 4000,
          .longest_output = 64,
          .groups = 3,
          .kv_tokens = 65'536,
          .max_running_requests = 8};
}

std::shared_ptr<const StepPlan> plan_of(int32_t first, size_t num_new) {
  StepPlan plan{.step = 1, .sequences = {}};
  plan.sequences.push_back({.request = 1, .new_tokens = std::vector<TokenId>(num_new), .first_position = first});
  return std::make_shared<const StepPlan>(std::move(plan));
}

TEST(Balances, CompareWhatWasWithWhatCouldHaveBeen) {
  simulate::Balances balances(2);
  EXPECT_EQ(balances.at_best(), 1) << "without a step";
  // A prompt's piece of 90 beside 10 tokens, all in one group: apart they would be 90 and 10.
  balances.add_step(std::vector{100.0, 0.0}, std::vector{3.0, 1.0}, 90, 0.1);
  EXPECT_DOUBLE_EQ(balances.at_best(), 100.0 / 180);
  EXPECT_DOUBLE_EQ(balances.of_time(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(balances.of_window(), 0.5);
  // The other way round a little later: each step is as uneven, the window is even.
  balances.add_step(std::vector{0.0, 100.0}, std::vector{1.0, 3.0}, 90, 0.2);
  EXPECT_DOUBLE_EQ(balances.at_best(), 100.0 / 180);
  EXPECT_DOUBLE_EQ(balances.of_time(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(balances.of_window(), 1);
  // Short pieces can be spread evenly. Another window.
  balances.add_step(std::vector{60.0, 0.0}, std::vector{1.0, 1.0}, 10, 5);
  EXPECT_DOUBLE_EQ(balances.at_best(), 260.0 / (180 + 180 + 60));
  EXPECT_DOUBLE_EQ(balances.of_window(), 260.0 / (200 + 120));
}

TEST(Simulate, NoStepIsMoreEvenThanItsPiecesAllow) {
  SimulateOptions options = short_simulation();
  options.request_rate = 2;
  options.duration_s = 120;
  const auto reports = measure_simulate(options);
  ASSERT_TRUE(reports.ok()) << reports.error().message;
  const SimulateReport& report = reports->front();
  EXPECT_GT(report.balance, 1.0 / 3);
  EXPECT_LE(report.balance, report.balance_at_best);
  EXPECT_LT(report.balance_at_best, 1);
  EXPECT_GT(report.balance_of_window, report.balance) << "what one step lacks another one has";
}

// A piece of a prompt hardly makes such a step longer, but the prompts behind it wait for the step.
TEST(Simulate, WhereStepsMostlyReadWeightsFirstTokensWaitForFewPieces) {
  SimulateOptions options{
      .request_rate = 128,
      .duration_s = 1000,
      .num_requests = 800,
      .longest_prompt = 8000,
      .longest_output = 200,
      .system_prompt_len = 512,
      .groups = 16,
      .cost = {.weights_ms = 20, .token_us = 8, .attention_share = 1, .read_us = 0.01, .pair_ns = 0.2}};
  const auto p99_of = [&](LoadBalanceMethod method) {
    options.load_balance = method;
    const auto reports = measure_simulate(options);
    CHECK(reports.ok(), "{}", reports.error().message);
    const SimulatedPrompts& middle = reports->front().prompts.at(1);
    CHECK(middle.shortest == 256);
    return middle.first_token_s.p99;
  };
  EXPECT_LT(p99_of(LoadBalanceMethod::kMeasuredTime), 1.3 * p99_of(LoadBalanceMethod::kMinimumTokens));
}

TEST(StepCost, AStepLastsAsLongAsItsSlowestGroup) {
  const StepCost cost{.weights_ms = 10, .token_us = 1000, .attention_share = 0.25, .read_us = 2, .pair_ns = 100};
  const auto seconds = [&](std::vector<std::shared_ptr<const StepPlan>> plans,
                           std::vector<double> slowness = {1, 1, 1}) {
    return step_seconds(cost, plans, slowness).total_s();
  };
  // One group's attention and a third of the rest, of the weights: 5 ms.
  EXPECT_NEAR(seconds({plan_of(0, 1), nullptr, nullptr}), 0.005 + 2e-6 + 0.5e-7, 1e-12);
  EXPECT_NEAR(seconds({plan_of(1000, 1), nullptr, nullptr}), 0.005 + 1001 * 2e-6 + 1000.5 * 1e-7, 1e-12);
  // 100 tokens: 25 ms of attention's products and 25 ms of the others'. Two groups at once: only the latter twice.
  const double alone = seconds({plan_of(0, 100), nullptr, nullptr});
  const double context_s = 100 * 2e-6 + 5000 * 1e-7;
  EXPECT_NEAR(alone, 0.050 + context_s, 1e-12);
  EXPECT_NEAR(seconds({plan_of(0, 100), plan_of(0, 100), nullptr}), 0.075 + context_s, 1e-12);
}

TEST(StepCost, OnASlowNodeAllTakesLongerAndOnlyAttentionDependsOnTheGroupsTokens) {
  const StepCost cost{.weights_ms = 10, .token_us = 1000, .attention_share = 0.25, .read_us = 2, .pair_ns = 100};
  const std::vector<double> slowness = {2, 1, 1};
  const simulate::StepSeconds step =
      step_seconds(cost, std::vector{plan_of(0, 100), plan_of(0, 100), plan_of(0, 300)}, slowness);
  EXPECT_NEAR(step.own_s[0], 2 * step.own_s[1], 1e-12);
  EXPECT_GT(step.own_s[2], step.own_s[0]);
  EXPECT_NEAR(step.total_s(), step.own_s[2] + 2 * 0.75 / 3 * 0.5, 1e-9);
}

TEST(Simulate, AGroupOnASlowNodeGetsLessWork) {
  SimulateOptions options = short_simulation();
  options.groups = 4;
  options.slow_groups = 1;
  options.request_rate = 1;
  options.duration_s = 600;
  options.longest_prompt = 1024;
  options.longest_output = 256;
  options.max_running_requests = 32;
  const auto most_own_s_above_mean = [&](LoadBalanceMethod method) {
    options.load_balance = method;
    const SimulateReport report = measure_simulate(options).value().at(0);
    double most = 0;
    double sum = 0;
    for (const SimulatedGroupShare& group : report.groups) {
      most = std::max(most, group.own_s);
      sum += group.own_s / static_cast<double>(report.groups.size());
    }
    const double beside_others = report.groups[0].slowness / report.groups[1].slowness;
    EXPECT_NEAR(beside_others, 2, 0.2);
    return most / sum;
  };
  EXPECT_GT(most_own_s_above_mean(LoadBalanceMethod::kMinimumTokens), 1.3);
  EXPECT_LT(most_own_s_above_mean(LoadBalanceMethod::kMeasuredTime), 1.1);
  options.slow_groups = 5;
  EXPECT_EQ(measure_simulate(options).error().message, "--slow-groups 5: there are 4 --groups");
}

TEST(Arrivals, AreEqualForEqualSeedsAndWithinTheirLimits) {
  SimulateOptions options = short_simulation();
  options.system_prompt_len = 100;
  options.long_prompt_len = 9000;
  Arrivals arrivals(options);
  Arrivals again(options);
  double last_s = 0;
  int num_long = 0;
  int num_short = 0;
  int num_all = 0;
  std::vector<TokenId> first_prompt;
  for (; arrivals.next_s(); ++num_all) {
    const Arrival arrival = arrivals.take();
    const Arrival same = again.take();
    EXPECT_EQ(arrival.prompt, same.prompt);
    EXPECT_EQ(arrival.at_s, same.at_s);
    EXPECT_GE(arrival.at_s, last_s);
    last_s = arrival.at_s;
    EXPECT_EQ(arrival.prompt.size(), static_cast<size_t>(100 + arrival.own_len));
    EXPECT_TRUE(arrival.output_len >= 16 && arrival.output_len <= 64);
    num_long += arrival.own_len == 9000 ? 1 : 0;
    num_short += arrival.own_len < 256 ? 1 : 0;
    EXPECT_TRUE(arrival.own_len == 9000 || (arrival.own_len >= 16 && arrival.own_len <= 4000));
    if (first_prompt.empty()) first_prompt = arrival.prompt;
    EXPECT_TRUE(std::equal(first_prompt.begin(), first_prompt.begin() + 100, arrival.prompt.begin()));
  }
  EXPECT_LT(last_s, options.duration_s);
  EXPECT_EQ(num_long, 2);
  EXPECT_NEAR(num_all, 360, 60);
  EXPECT_NEAR(num_short, num_all / 2, num_all / 8) << "ln(256/16) of ln(4000/16)";
}

TEST(Simulate, EveryRequestIsAnsweredAndCounted) {
  const SimulateReport report = measure_simulate(short_simulation()).value().at(0);
  int64_t num_first = 0;
  for (const SimulatedPrompts& range : report.prompts) {
    EXPECT_EQ(range.first_token_s.count, range.first_token_steps.count);
    EXPECT_GT(range.first_token_s.p50, 0);
    EXPECT_LE(range.first_token_s.p50, range.first_token_s.p99);
    EXPECT_LE(range.first_token_s.p99, range.first_token_s.longest);
    EXPECT_GE(range.first_token_steps.p50, 1);
    num_first += range.first_token_s.count;
  }
  EXPECT_EQ(num_first, report.num_requests);
  EXPECT_GT(report.num_requests, 250);
  int64_t num_bound = 0;
  for (const SimulatedGroupShare& group : report.groups) num_bound += group.num_requests;
  EXPECT_EQ(num_bound, report.num_requests);
  EXPECT_GT(report.between_tokens_s.count, 10 * report.num_requests);
  EXPECT_GT(report.busy_share, 0.1);
  EXPECT_LT(report.busy_share, 1);
  EXPECT_EQ(report.fullest.size(), 7U);
  EXPECT_EQ(report.hit_rate, 0) << "random prompts share nothing";
}

TEST(Simulate, ASharedSystemPromptIsFoundInTheCache) {
  SimulateOptions options = short_simulation();
  options.system_prompt_len = 2000;
  options.longest_prompt = 64;
  const SimulateReport report = measure_simulate(options).value().at(0);
  EXPECT_GT(report.hit_rate, 0.9);
}

TEST(Simulate, ACopyOfAPrefixTakesTheTimeOfItsPages) {
  const StepCost cost{.weights_ms = 10, .token_us = 1000, .attention_share = 0.25, .copy_us = 3};
  StepPlan plan = *plan_of(0, 1);
  plan.leaving.push_back({.pages = {{4, 5, 6}}});
  const auto with_copy = std::make_shared<const StepPlan>(std::move(plan));
  const std::vector<double> slowness = {1};
  EXPECT_NEAR(step_seconds(cost, std::vector{with_copy}, slowness).own_s[0],
              step_seconds(cost, std::vector{plan_of(0, 1)}, slowness).own_s[0] + 3 * 16 * 3e-6, 1e-12);
}

TEST(Simulate, GroupsThatSharePrefixesFindMoreAndAnswerSooner) {
  SimulateOptions options = short_simulation();
  options.groups = 4;
  options.system_prompt_len = 4000;
  options.system_prompts = 12;
  options.longest_prompt = 256;
  options.request_rate = 0.8;
  const SimulateReport before = measure_simulate(options).value().at(0);
  options.share_prefixes = true;
  const SimulateReport after = measure_simulate(options).value().at(0);
  EXPECT_EQ(before.num_copies, 0);
  EXPECT_GE(after.num_copies, 3);
  EXPECT_GT(after.hit_rate, before.hit_rate);
  EXPECT_LT(after.prompts.at(0).first_token_s.p99, before.prompts.at(0).first_token_s.p99);
}

TEST(Simulate, ShortPromptsBesideALongOneWaitThreeStepsAtMost) {
  SimulateOptions options = short_simulation();
  options.groups = 1;
  options.longest_prompt = 128;
  options.longest_output = 16;
  options.long_prompt_len = 40'000;
  options.long_prompt_interval_s = 700;
  options.max_running_requests = 64;
  const auto prompts_with = [&](int32_t price) {
    options.overtaking_price = price;
    return measure_simulate(options).value().at(0).prompts;
  };
  const std::vector<SimulatedPrompts> with_share = prompts_with(10);
  const std::vector<SimulatedPrompts> in_turn = prompts_with(0);
  EXPECT_LE(with_share.at(0).first_token_steps.p99, 3);
  EXPECT_GT(in_turn.at(0).first_token_steps.p99, 50) << "in turn they wait for all of it";
  EXPECT_LE(with_share.at(1).first_token_s.longest, 1.1 * in_turn.at(1).first_token_s.longest);
}

TEST(Simulate, AlignedPrefillsShareTheirSteps) {
  SimulateOptions options = short_simulation();
  options.prefill_alignment = {0, 32};
  options.groups = 4;
  options.request_rate = 2;
  options.duration_s = 150;
  options.longest_prompt = 1024;
  options.longest_output = 512;
  options.max_running_requests = 32;
  const auto reports = measure_simulate(options).value();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].num_requests, reports[1].num_requests);
  EXPECT_GT(reports[1].balance, 1.05 * reports[0].balance);
  EXPECT_LT(reports[1].between_tokens_s.p99, reports[0].between_tokens_s.p99);
  EXPECT_EQ(reports[1].prefill_alignment, 32);
}

TEST(Simulate, InterruptedRequestsGoOnAfterEveryFault) {
  SimulateOptions options = short_simulation();
  options.request_rate = 1;
  options.duration_s = 300;
  options.longest_prompt = 500;
  options.longest_output = 512;
  options.faults = 20;
  const SimulateReport report = measure_simulate(options).value().at(0);
  EXPECT_GT(report.recovery.num_faults, 10);
  EXPECT_GT(report.recovery.next_token_s.count, 10);
  EXPECT_LE(report.recovery.num_failed, 1) << "lost twice without a token: it is set aside";
  int64_t num_first = 0;
  for (const SimulatedPrompts& range : report.prompts) num_first += range.first_token_s.count;
  EXPECT_GE(num_first, report.num_requests - report.recovery.num_failed);
  options.groups = 4;
  options.groups_per_replica = 3;
  EXPECT_EQ(measure_simulate(options).error().message, "--groups-per-replica 3: does not divide --groups 4");
}

TEST(Simulate, ReportsWhatTheControllerTakes) {
  SimulateOptions options = short_simulation();
  options.groups = 64;
  options.request_rate = 10;
  options.num_requests = 500;
  options.longest_prompt = 200;
  const SimulateReport report = measure_simulate(options).value().at(0);
  EXPECT_EQ(report.num_requests, 500);
  EXPECT_GT(report.controller.cpu_us_a_request, 0);
  EXPECT_GE(report.controller.turn_us.count, 400);
  EXPECT_GT(report.controller.outputs_us_a_token, 0);
  EXPECT_GT(report.controller.broadcast_bytes_a_request, 4 * 16);
  EXPECT_GT(report.controller.view_bytes, 0);
}

TEST(Simulate, MoreThanTheGroupsCanServeIsAnError) {
  SimulateOptions options = short_simulation();
  options.request_rate = 1000;
  EXPECT_NE(measure_simulate(options).error().message.find("the groups cannot keep up"), std::string::npos);
  options = short_simulation();
  options.kv_tokens = 1000;
  EXPECT_EQ(measure_simulate(options).error().message, "--kv-tokens 1000: the longest request has 4064");
}

TEST(Simulate, JsonHasARunForEachAlignment) {
  SimulateOptions options = short_simulation();
  options.duration_s = 300;
  options.json = true;
  options.prefill_alignment = {0, 8};
  const std::string text =
      testing::printed_by([&](std::FILE* out) { EXPECT_TRUE(run_bench_simulate(options, out).ok()); });
  const Json runs = parse_json(text).value()["runs"];
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[1]["prefill_alignment"], 8);
  EXPECT_EQ(runs[0]["groups"].size(), 3U);
  EXPECT_GT(runs[0]["between_tokens_s"]["p99"].get<double>(), 0);
}

}  // namespace
}  // namespace braid
