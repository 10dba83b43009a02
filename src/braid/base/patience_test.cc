#include "braid/base/patience.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(Patience, EndsWhenNothingChangesForTheTimeout) {
  Patience patience(10);
  patience.begin({}, 100);
  EXPECT_FALSE(patience.is_over({}, 109));
  EXPECT_FALSE(patience.is_over({.num_operations = 1}, 109.5));
  EXPECT_FALSE(patience.is_over({.num_operations = 1}, 119));
  EXPECT_TRUE(patience.is_over({.num_operations = 1}, 120));
}

TEST(Patience, AnOperationThatUsesProcessorTimeIsSlowAndNotDead) {
  Patience patience(10);
  patience.begin({.num_operations = 7}, 0);
  double now_s = 0;
  int64_t ticks = 0;
  for (; now_s < 190; now_s += 9) EXPECT_FALSE(patience.is_over({.num_operations = 7, .cpu_ticks = ++ticks}, now_s));
  EXPECT_TRUE(patience.is_over({.num_operations = 7, .cpu_ticks = ++ticks}, 200)) << "it goes round for ever";
  EXPECT_FALSE(patience.is_over({.num_operations = 8, .cpu_ticks = ticks}, 201));
}

}  // namespace
}  // namespace braid
