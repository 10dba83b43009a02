#include "braid/worker/halves_choice.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

// Steps as they come, each computed as the choice says by then. Returns how many of the last `count` were in halves.
int32_t run_steps(HalvesChoice& choice, int32_t count, int32_t longest, double whole_s, double halves_s,
                  double exchange_s) {
  int32_t num_halved = 0;
  for (int32_t i = 0; i < count; ++i) {
    const bool in_halves = HalvesChoice::has_size(choice.sizes(), longest);
    num_halved += in_halves ? 1 : 0;
    choice.learn({.longest = longest,
                  .tokens = 2 * int64_t{longest},
                  .in_halves = in_halves,
                  .seconds = in_halves ? halves_s : whole_s,
                  .exchange_s = exchange_s});
  }
  return num_halved;
}

TEST(HalvesChoice, TakesHalvesWhereTheyGainAtLeastATwentieth) {
  HalvesChoice choice(OverlapHalves::kAuto);
  EXPECT_EQ(choice.sizes(), 0U) << "it has seen nothing";
  run_steps(choice, 10, 512, 1.0, 0.9, 0.3);
  EXPECT_EQ(choice.sizes(), uint32_t{1} << 9);
  EXPECT_TRUE(HalvesChoice::has_size(choice.sizes(), 1023));
  EXPECT_FALSE(HalvesChoice::has_size(choice.sizes(), 1024));
  EXPECT_EQ(run_steps(choice, 50, 600, 1.0, 0.9, 0.3), 50);
  EXPECT_EQ(run_steps(choice, 20, 64, 1.0, 0.97, 0.3), 3) << "tried, and not worth it";
  EXPECT_FALSE(HalvesChoice::has_size(choice.sizes(), 64));
}

TEST(HalvesChoice, NeverTriesWhatCannotGain) {
  HalvesChoice choice(OverlapHalves::kAuto);
  EXPECT_EQ(run_steps(choice, 1000, 512, 1.0, 0.5, 0.04), 0);
  EXPECT_EQ(run_steps(choice, 1000, 1, 1.0, 0.5, 0.5), 0) << "one token has no halves";
}

TEST(HalvesChoice, LooksAgainNowAndThenAndFollowsAChange) {
  HalvesChoice choice(OverlapHalves::kAuto);
  EXPECT_NEAR(run_steps(choice, 1000, 512, 1.0, 1.2, 0.3), 3 + 1000 / (HalvesChoice::kRetry + 1), 1);
  // From here halves are faster. Three of the five samples must say so.
  EXPECT_LT(run_steps(choice, 6 * HalvesChoice::kRetry, 512, 1.0, 0.7, 0.3), 6 * HalvesChoice::kRetry);
  EXPECT_GE(run_steps(choice, HalvesChoice::kRetry, 512, 1.0, 0.7, 0.3), HalvesChoice::kRetry - 1);
}

TEST(HalvesChoice, OneSlowStepChangesNothing) {
  HalvesChoice choice(OverlapHalves::kAuto);
  run_steps(choice, 20, 512, 1.0, 0.8, 0.3);
  choice.learn({.longest = 512, .tokens = 1024, .in_halves = true, .seconds = 50, .exchange_s = 1});
  EXPECT_TRUE(HalvesChoice::has_size(choice.sizes(), 512));
}

TEST(HalvesChoice, OnAndOffHoldForAllSizes) {
  HalvesChoice on(OverlapHalves::kOn);
  HalvesChoice off(OverlapHalves::kOff);
  EXPECT_EQ(run_steps(on, 20, 512, 1.0, 2.0, 0.3), 20);
  EXPECT_EQ(run_steps(off, 20, 512, 1.0, 0.1, 0.3), 0);
  EXPECT_FALSE(parse_overlap_halves("On").ok());
  EXPECT_EQ(parse_overlap_halves("auto").value(), OverlapHalves::kAuto);
}

}  // namespace
}  // namespace braid
