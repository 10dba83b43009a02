#include "braid/controller/share_policy.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace braid {
namespace {

TEST(SharePolicy, TheSourceIsTheGroupWithTheMostOfThePrompt) {
  const std::array<int32_t, 4> num_pages = {3, 9, 9, 4};
  const auto none_is_down = [](int32_t) { return false; };
  EXPECT_EQ(prefix_source(num_pages, 0, none_is_down), 1);
  EXPECT_EQ(prefix_source(num_pages, 0, [](int32_t group) { return group == 1; }), 2);
  EXPECT_EQ(prefix_source(num_pages, 1, none_is_down), std::nullopt) << "no other has more";
  EXPECT_EQ(prefix_source(std::array<int32_t, 2>{0, 0}, 0, none_is_down), std::nullopt);
}

TEST(SharePolicy, ACopyGoesTheLongestWayOfItsRanks) {
  // Groups of two ranks: in one process, in processes of a node, over two nodes.
  const std::vector<RankStatus> ranks = {
      {.rank = 0, .group = 0, .node = 0, .pid = 1}, {.rank = 1, .group = 0, .node = 0, .pid = 1},
      {.rank = 2, .group = 1, .node = 0, .pid = 1}, {.rank = 3, .group = 1, .node = 0, .pid = 1},
      {.rank = 4, .group = 2, .node = 0, .pid = 1}, {.rank = 5, .group = 2, .node = 0, .pid = 2},
      {.rank = 6, .group = 3, .node = 0, .pid = 1}, {.rank = 7, .group = 3, .node = 1, .pid = 1}};
  EXPECT_EQ(copy_way(ranks, 0, 1), CopyWay::kWithinProcess);
  EXPECT_EQ(copy_way(ranks, 1, 2), CopyWay::kBetweenProcesses);
  EXPECT_EQ(copy_way(ranks, 2, 0), CopyWay::kBetweenProcesses);
  EXPECT_EQ(copy_way(ranks, 3, 0), CopyWay::kBetweenNodes) << "two hosts may have processes of one number";
  EXPECT_EQ(copy_way(ranks, 2, 3), CopyWay::kBetweenNodes);
  EXPECT_EQ(copy_way(ranks, 0, 4), CopyWay::kWithinProcess) << "nothing is known of group 4";
  EXPECT_EQ(copy_way({}, 0, 1), CopyWay::kWithinProcess);
}

TEST(PrefillRate, IsThatOfWholeSteps) {
  PrefillRate rate;
  EXPECT_EQ(rate.seconds_of(3), 3) << "before anything is known, the group's own work";
  for (int i = 0; i < 1000; ++i) rate.take(0.1, 0.25);
  EXPECT_NEAR(rate.seconds_of(2), 5, 1e-9);
  rate.take(0, 1);
  rate.take(1, 0);
  EXPECT_NEAR(rate.seconds_of(2), 5, 1e-9) << "such steps say nothing";
}

TEST(CopyRate, IsThatOfTheLastCopies) {
  CopyRate rate;
  EXPECT_EQ(rate.seconds_of(1000), 0) << "one must be tried";
  rate.take(1000, 0.1);
  EXPECT_DOUBLE_EQ(rate.seconds_of(500), 0.1) << "there and back again";
  for (int i = 0; i < 50; ++i) rate.take(2000, 0.05);
  EXPECT_NEAR(rate.seconds_of(1000), 0.05, 1e-5);
  for (int i = 0; i < 200; ++i) rate.forget_a_little();
  EXPECT_LT(rate.seconds_of(1000), 0.001);
}

}  // namespace
}  // namespace braid
