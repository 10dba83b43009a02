#include "braid/controller/work_rates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace braid {
namespace {

constexpr StepRates kTrueRates{
    .step_s = 0.012, .prompt_s = 0.0004, .decode_s = 0.0007, .position_s = 1.5e-6, .pair_s = 5e-8};

double seconds_by(const StepRates& rates, const StepShape& step) {
  return rates.step_s + rates.prompt_s * static_cast<double>(step.num_prompt_tokens) +
         rates.decode_s * static_cast<double>(step.num_sequences - step.num_prefills) +
         rates.position_s * static_cast<double>(step.num_context_tokens) +
         rates.pair_s * static_cast<double>(step.num_prefill_pairs);
}

class WorkRatesTest : public ::testing::Test {
 protected:
  int64_t drawn(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  // Some decode, and every third step has a chunk of a prompt.
  StepShape step(bool may_prefill = true) {
    StepShape made{.num_sequences = drawn(1, 24)};
    made.num_context_tokens = made.num_sequences * drawn(100, 4000);
    if (may_prefill && drawn(1, 3) == 1) {
      const int64_t first = drawn(0, 4000);
      made.num_prefills = 1;
      made.num_prompt_tokens = drawn(16, 512);
      made.num_prefill_pairs = count_prefill_pairs(first, made.num_prompt_tokens);
    }
    return made;
  }
  // With an error of up to a tenth, which no estimate may be sensitive to.
  double noisy(double seconds) { return seconds * std::uniform_real_distribution<double>(0.9, 1.1)(random_); }

  std::mt19937_64 random_{11};
};

TEST_F(WorkRatesTest, LearnTheSecondsOfEachKindOfWork) {
  WorkRates rates(2);
  for (int i = 0; i < 2000; ++i) {
    const StepShape made = step();
    rates.take_step(i % 2, made, noisy(seconds_by(kTrueRates, made)));
  }
  EXPECT_NEAR(rates.rates().step_s, kTrueRates.step_s, 0.1 * kTrueRates.step_s);
  EXPECT_NEAR(rates.rates().prompt_s, kTrueRates.prompt_s, 0.1 * kTrueRates.prompt_s);
  EXPECT_NEAR(rates.rates().decode_s, kTrueRates.decode_s, 0.15 * kTrueRates.decode_s);
  EXPECT_NEAR(rates.rates().position_s, kTrueRates.position_s, 0.15 * kTrueRates.position_s);
  EXPECT_NEAR(rates.rates().pair_s, kTrueRates.pair_s, 0.15 * kTrueRates.pair_s);
  EXPECT_NEAR(rates.slowness(0), 1, 0.05);
  EXPECT_NEAR(rates.slowness(1), 1, 0.05);
}

TEST_F(WorkRatesTest, AGroupOnASlowNodeIsKnownAlsoIfItOnlyDecodes) {
  WorkRates rates(4);
  for (int i = 0; i < 1000; ++i) {
    for (int32_t group = 0; group < 4; ++group) {
      const StepShape made = step(group != 2);
      rates.take_step(group, made, (group == 2 ? 2 : 1) * noisy(seconds_by(kTrueRates, made)));
    }
  }
  for (const int32_t group : {0, 1, 3}) EXPECT_NEAR(rates.slowness(2) / rates.slowness(group), 2, 0.15);
  const double usual_s = rates.seconds_of(load_of_request(3000, 0), 1);
  EXPECT_NEAR(rates.slowness(0) * usual_s,
              kTrueRates.prompt_s * 3000 + kTrueRates.pair_s * 4.5e6 +
                  rates.output_len() * (kTrueRates.decode_s + kTrueRates.position_s * 3000),
              0.1 * usual_s);
  // It recovers, and is known to have within some hundred steps.
  for (int i = 0; i < 300; ++i) {
    for (int32_t group = 0; group < 4; ++group) {
      const StepShape made = step();
      rates.take_step(group, made, noisy(seconds_by(kTrueRates, made)));
    }
  }
  for (int32_t group = 0; group < 4; ++group) EXPECT_NEAR(rates.slowness(group), 1, 0.08) << group;
}

TEST_F(WorkRatesTest, OneStepInTwentyThatWaitsForSomethingElseHardlyCounts) {
  WorkRates rates(2);
  for (int i = 0; i < 3000; ++i) {
    const StepShape made = step();
    const double seconds = noisy(seconds_by(kTrueRates, made));
    rates.take_step(i % 2, made, drawn(1, 20) == 1 ? 50 * seconds : seconds);
  }
  EXPECT_NEAR(rates.rates().prompt_s, kTrueRates.prompt_s, 0.2 * kTrueRates.prompt_s);
  EXPECT_NEAR(rates.slowness(0) / rates.slowness(1), 1, 0.15);
}

TEST_F(WorkRatesTest, BeforeAnythingIsMeasuredThePriorTells) {
  WorkRates rates(2);
  const double prompt_s = rates.seconds_of({.num_prefill_tokens = 1000}, 0);
  EXPECT_GT(prompt_s, 0);
  EXPECT_LT(rates.seconds_of({.num_context_tokens = 1000}, 0), prompt_s) << "a cached token is not a computed one";
  EXPECT_GT(rates.seconds_of({.num_context_tokens = 1000}, 0), 0);
  EXPECT_EQ(rates.slowness(0), 1);
  // One step says how long a second is; the prior what its parts are.
  const StepShape made{.num_sequences = 1, .num_prefills = 1, .num_prompt_tokens = 100, .num_context_tokens = 100};
  rates.take_step(0, made, 1e-4);
  EXPECT_NEAR(rates.rates().prompt_s, 0.8e-6, 0.1e-6);
  EXPECT_NEAR(rates.slowness(0), 1, 1e-9);
}

TEST_F(WorkRatesTest, ValuesThatMakeNoSenseAreLeftOut) {
  WorkRates rates(1);
  const StepShape made = step();
  rates.take_step(0, made, seconds_by(kTrueRates, made));
  const StepRates before = rates.rates();
  for (const double seconds : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    rates.take_step(0, made, seconds);
  }
  rates.take_step(0, StepShape(), 1);
  EXPECT_EQ(rates.rates().prompt_s, before.prompt_s);
  EXPECT_EQ(rates.slowness(0), 1);
  // Nor may what makes sense alone, but not together, lead to rates that are none.
  for (int i = 0; i < 1000; ++i) rates.take_step(0, step(), std::pow(10.0, static_cast<double>(drawn(-12, 12))));
  EXPECT_TRUE(std::isfinite(rates.slowness(0)));
  EXPECT_GT(rates.slowness(0), 0);
  EXPECT_TRUE(std::isfinite(rates.seconds_of(load_of_request(1000, 100), 1)));
  EXPECT_GE(rates.seconds_of(load_of_request(1000, 100), 1), 0);
}

TEST_F(WorkRatesTest, TheLengthOfOutputsIsThatOfTheLastOnes) {
  WorkRates rates(1);
  for (int i = 0; i < 3000; ++i) rates.take_output_len(i % 2 == 0 ? 20 : 40);
  EXPECT_NEAR(rates.output_len(), 30, 1);
}

TEST_F(WorkRatesTest, WhatIsCachedOfAPromptIsSaved) {
  WorkRates rates(1);
  const double cold_s = rates.seconds_of(load_of_request(3000, 0), 1);
  const double warm_s = rates.seconds_of(load_of_request(3000, 2000), 1);
  EXPECT_NEAR(rates.saved_seconds(2000), cold_s - warm_s, 1e-9 * cold_s);
}

}  // namespace
}  // namespace braid
