#include "braid/controller/rebalance_policy.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace braid {
namespace {

GroupBalance group_with(int64_t num_requests, int64_t free_pages = 100) {
  return {.num_requests = num_requests, .num_pages = 200, .free_requests = 50, .free_pages = free_pages};
}

std::vector<MovableRequest> all_movable(std::span<const GroupBalance> groups) {
  std::vector<MovableRequest> movable;
  for (size_t group = 0; group < groups.size(); ++group) {
    for (int64_t i = 0; i < groups[group].num_requests; ++i) {
      const RequestId id = movable.size() + 1;
      movable.push_back(
          {.request = id, .group = static_cast<int32_t>(group), .num_tokens = 100 + 10 * i, .arrival = id});
    }
  }
  return movable;
}

TEST(RebalancePolicy, SmallDifferencesMoveNoRequest) {
  const RebalanceOptions options;
  const std::vector<GroupBalance> groups = {group_with(7), group_with(4)};
  EXPECT_FALSE(is_unbalanced(groups, false, options));
  EXPECT_FALSE(pick_move(groups, all_movable(groups), false, options));
  const std::vector<GroupBalance> large = {group_with(40), group_with(34)};
  EXPECT_FALSE(is_unbalanced(large, false, options)) << "6 of 40 are few";
}

TEST(RebalancePolicy, MovesContinueUntilGroupsAreNearlyEqual) {
  const RebalanceOptions options;
  std::vector<GroupBalance> groups = {group_with(9), group_with(1), group_with(5)};
  bool unbalanced = false;
  int num_moves = 0;
  while ((unbalanced = is_unbalanced(groups, unbalanced, options))) {
    const auto movable = all_movable(groups);
    const auto choice = pick_move(groups, movable, unbalanced, options);
    ASSERT_TRUE(choice);
    --groups[static_cast<size_t>(movable[choice->index].group)].num_requests;
    ++groups[static_cast<size_t>(choice->to_group)].num_requests;
    ASSERT_LE(++num_moves, 4);
  }
  EXPECT_EQ(num_moves, 4);
  for (const GroupBalance& group : groups) EXPECT_EQ(group.num_requests, 5);
}

TEST(RebalancePolicy, ALostGroupIsNoEmptyGroup) {
  std::vector<GroupBalance> groups = {group_with(8), group_with(8), {.is_lost = true}};
  EXPECT_FALSE(is_unbalanced(groups, false, {}));
  EXPECT_FALSE(pick_move(groups, all_movable(groups), true, {}));
  for (GroupBalance& group : groups) group.is_lost = true;
  EXPECT_FALSE(is_unbalanced(groups, true, {}));
}

TEST(RebalancePolicy, TheRequestWithTheFewestTokensMoves) {
  const std::vector<GroupBalance> groups = {group_with(8), group_with(2)};
  const std::vector<MovableRequest> movable = {{.request = 1, .num_tokens = 300, .arrival = 1},
                                               {.request = 2, .num_tokens = 80, .arrival = 2},
                                               {.request = 3, .num_tokens = 80, .arrival = 3}};
  EXPECT_EQ(pick_move(groups, movable, true, {}), (MoveChoice{.index = 2, .to_group = 1}));
}

TEST(RebalancePolicy, TheYoungestLeavesAStarvedGroupForTheOneWithTheMostPages) {
  std::vector<GroupBalance> groups = {group_with(3, 0), group_with(5, 60), group_with(5, 90)};
  groups[0].is_starved = true;
  const auto movable = all_movable(groups);
  EXPECT_EQ(pick_move(groups, movable, false, {}), (MoveChoice{.index = 2, .to_group = 2}));
  groups[1].free_pages = groups[2].free_pages = 30;  // 9 go, 25 must remain
  EXPECT_FALSE(pick_move(groups, movable, false, {}));
}

TEST(RebalancePolicy, AGroupWithoutSlotsOrPagesTakesNoRequest) {
  std::vector<GroupBalance> groups = {group_with(9), group_with(2), group_with(3)};
  groups[1].free_requests = 0;
  EXPECT_EQ(pick_move(groups, all_movable(groups), true, {})->to_group, 2);
  groups[2].free_pages = 20;
  EXPECT_FALSE(pick_move(groups, all_movable(groups), true, {}));
}

// For any groups: a move never makes its target as full as its source was, and moves come to an end.
TEST(RebalancePolicy, RequestsDoNotMoveToAndFro) {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    const RebalanceOptions options{.start_gap = static_cast<int32_t>(2 + random() % 4),
                                   .start_share = 0,
                                   .stop_gap = static_cast<int32_t>(random() % 2)};
    std::vector<GroupBalance> groups;
    int64_t num_requests = 0;
    for (uint32_t i = 2 + random() % 4; i > 0; --i) {
      groups.push_back(group_with(random() % 12));
      num_requests += groups.back().num_requests;
    }
    bool unbalanced = false;
    int64_t num_moves = 0;
    while ((unbalanced = is_unbalanced(groups, unbalanced, options))) {
      const auto movable = all_movable(groups);
      const auto choice = pick_move(groups, movable, unbalanced, options);
      if (!choice) break;
      GroupBalance& source = groups[static_cast<size_t>(movable[choice->index].group)];
      GroupBalance& target = groups[static_cast<size_t>(choice->to_group)];
      EXPECT_LE(target.num_requests + 1, source.num_requests - 1);
      --source.num_requests;
      ++target.num_requests;
      ASSERT_LE(++num_moves, num_requests) << "seed " << seed;
    }
    if (num_moves == 0) continue;
    EXPECT_FALSE(is_unbalanced(groups, false, {.start_gap = 2, .start_share = 0})) << "seed " << seed;
  }
}

}  // namespace
}  // namespace braid
