#include "braid/controller/recent_work.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(RecentWork, CountsWhatEachGroupComputedAndForgetsItInTime) {
  RecentWork recent(2);
  recent.add(0, 1000);
  EXPECT_EQ(recent.of(0), 1000);
  EXPECT_EQ(recent.of(1), 0);
  for (int64_t done = 0; done < RecentWork::kSpanTokens; done += 64) recent.add(1, 64);
  EXPECT_NEAR(static_cast<double>(recent.of(0)), 1000 / 2.718, 2);
  for (int i = 0; i < 20000; ++i) recent.add(i % 2, 64);
  EXPECT_NEAR(static_cast<double>(recent.of(0)), static_cast<double>(recent.of(1)), 65);
  EXPECT_NEAR(static_cast<double>(recent.of(0) + recent.of(1)), RecentWork::kSpanTokens, 100);
}

}  // namespace
}  // namespace braid
