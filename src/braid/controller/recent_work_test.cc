#include "braid/controller/recent_work.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(RecentWork, CountsWhatEachGroupComputedAndForgetsItInTime) {
  RecentWork recent(2);
  recent.add_tokens(0, 1000);
  EXPECT_EQ(recent.of(0), 1000);
  EXPECT_EQ(recent.of(1), 0);
  for (int64_t done = 0; done < RecentWork::kSpanTokens; done += 64) recent.add_tokens(1, 64);
  EXPECT_NEAR(recent.of(0), 1000 / 2.718, 2);
  for (int i = 0; i < 20000; ++i) recent.add_tokens(i % 2, 64);
  EXPECT_NEAR(recent.of(0), recent.of(1), 65);
  EXPECT_NEAR(recent.of(0) + recent.of(1), RecentWork::kSpanTokens, 100);
}

TEST(RecentWork, MoreThanAllThatIsRememberedLeavesNothingElse) {
  RecentWork recent(3);
  recent.add_tokens(0, 1000);
  recent.add_tokens(1, 2 * RecentWork::kSpanTokens);
  EXPECT_EQ(recent.of(0), 0);
  EXPECT_EQ(recent.of(1), 2 * RecentWork::kSpanTokens);
  for (int i = 0; i < 1'000'000; ++i) recent.add_tokens(2, 1000);
  EXPECT_NEAR(recent.of(1), 0, 1e-6);
  EXPECT_NEAR(recent.of(2), RecentWork::kSpanTokens, 1);
  EXPECT_NEAR(recent.mean(), RecentWork::kSpanTokens / 3.0, 1);
}

}  // namespace
}  // namespace braid
