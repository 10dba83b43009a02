#include "braid/controller/step_balance.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

TEST(StepBalance, IsTheMeanOverTheMaximumOfAWorldsGroups) {
  // Steps of 10 and 10 tokens, 30 and 0, 0 and 5. The first group's load does not include the last step.
  const std::vector<GroupLoad> groups = {{.num_step_tokens = 40, .num_longest_tokens = 40},
                                         {.num_step_tokens = 15, .num_longest_tokens = 45}};
  EXPECT_DOUBLE_EQ(step_balance(groups, 2).ratio(), (10 + 15 + 2.5) / (10 + 30 + 5));
  EXPECT_DOUBLE_EQ(step_balance({}, 2).ratio(), 1) << "nothing was uneven";
}

TEST(StepBalance, ReplicasDoNotWaitForEachOther) {
  const std::vector<GroupLoad> groups = {{.num_step_tokens = 400, .num_longest_tokens = 400},
                                         {.num_step_tokens = 1, .num_longest_tokens = 1}};
  EXPECT_DOUBLE_EQ(step_balance(groups, 1).ratio(), 1);
}

TEST(StepBalance, SinceIsADifference) {
  const StepBalance before{.num_tokens = 100, .num_even_tokens = 200};
  const StepBalance after{.num_tokens = 190, .num_even_tokens = 300};
  EXPECT_DOUBLE_EQ(after.since(before).ratio(), 0.9);
}

}  // namespace
}  // namespace braid
