#include "braid/controller/dispatch_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace braid {
namespace {

using Method = LoadBalanceMethod;

std::vector<GroupView> three_groups() {
  return {{.has_room = true, .num_requests = 5, .num_tokens = 900},
          {.has_room = true, .num_requests = 3, .num_tokens = 2000},
          {.has_room = true, .num_requests = 4, .num_tokens = 300}};
}

TEST(DispatchPolicy, EveryMethodHasItsName) {
  for (const char* name :
       {"auto", "round_robin", "shortest_queue", "minimum_tokens", "prefix_affinity", "measured_time"}) {
    EXPECT_EQ(load_balance_method_name(parse_load_balance_method(name).value()), name);
  }
  EXPECT_EQ(parse_load_balance_method("random").error().message,
            "--load-balance-method random: use auto, round_robin, shortest_queue, minimum_tokens, prefix_affinity or "
            "measured_time");
  EXPECT_EQ(resolve_load_balance_method(Method::kAuto), Method::kMeasuredTime);
  EXPECT_EQ(resolve_load_balance_method(Method::kRoundRobin), Method::kRoundRobin);
}

TEST(DispatchPolicy, RoundRobinGoesToTheNextInTurnThatHasRoom) {
  auto groups = three_groups();
  EXPECT_EQ(pick_group(Method::kRoundRobin, groups, -1), 0);
  EXPECT_EQ(pick_group(Method::kRoundRobin, groups, 0), 1);
  EXPECT_EQ(pick_group(Method::kRoundRobin, groups, 2), 0);
  groups[1].has_room = false;
  EXPECT_EQ(pick_group(Method::kRoundRobin, groups, 0), 2);
}

TEST(DispatchPolicy, PicksTheLeastLoadedGroupWithRoomByRequestsOrByTokens) {
  auto groups = three_groups();
  EXPECT_EQ(pick_group(Method::kShortestQueue, groups, -1), 1);
  EXPECT_EQ(pick_group(Method::kMinimumTokens, groups, -1), 2);
  groups[1].has_room = groups[2].has_room = false;
  EXPECT_EQ(pick_group(Method::kShortestQueue, groups, -1), 0);
  EXPECT_EQ(pick_group(Method::kMinimumTokens, groups, -1), 0);
}

TEST(DispatchPolicy, TiesGoToTheLowestGroup) {
  const std::vector<GroupView> equal(4, {.has_room = true, .num_requests = 2, .num_tokens = 50, .cached_tokens = 8});
  for (const Method method : {Method::kShortestQueue, Method::kMinimumTokens, Method::kPrefixAffinity}) {
    EXPECT_EQ(pick_group(method, equal, 2), 0);
  }
}

TEST(DispatchPolicy, IdleGroupsTakeTurns) {
  std::vector<GroupView> idle(3, {.has_room = true, .recent_tokens = 70});
  idle[1].recent_tokens = 50;
  for (const Method method : {Method::kShortestQueue, Method::kMinimumTokens, Method::kPrefixAffinity}) {
    EXPECT_EQ(pick_group(method, idle, -1), 1);
  }
}

TEST(DispatchPolicy, PrefixAffinityTakesTheLongestPrefixAndWithoutOneTheLeastTokens) {
  auto groups = three_groups();
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1), 2);
  groups[0].cached_tokens = 16;
  groups[1].cached_tokens = 32;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1), 1);
  groups[1].has_room = false;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1), 0);
}

TEST(DispatchPolicy, OnePopularPrefixCannotFillItsGroupBeyondTheWindow) {
  std::vector<GroupView> groups(2, {.has_room = true});
  groups[0].cached_tokens = 512;
  std::vector<int32_t> picked;
  for (int i = 0; i < 40; ++i) {
    const int32_t group = *pick_group(Method::kPrefixAffinity, groups, -1, 1000);
    groups[static_cast<size_t>(group)].num_tokens += 600;
    picked.push_back(group);
    EXPECT_LE(groups[0].num_tokens - groups[1].num_tokens, 1000 + 600);
  }
  EXPECT_EQ(picked[0], 0);
  EXPECT_GT(std::ranges::count(picked, 1), 15);
}

TEST(DispatchPolicy, APopularPrefixSpreadsFromAGroupThatHadMoreThanItsShare) {
  std::vector<GroupView> groups(2, {.has_room = true, .num_requests = 2});
  groups[0].cached_tokens = 512;
  groups[0].recent_tokens = 1500;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1, 1000), 0) << "the other would compute 512 more";
  groups[0].recent_tokens = 1600;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1, 1000), 1);
  groups[0].num_requests = 0;
  groups[0].recent_tokens = 1000 + 4 * 512;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1, 1000), 0) << "it is idle, so nobody waits for it";
  groups[0].recent_tokens += 1;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1, 1000), 1);
  groups[1] = groups[0];
  groups[1].recent_tokens -= 1;
  EXPECT_EQ(pick_group(Method::kPrefixAffinity, groups, -1, 1000), 1) << "once both have it they take turns";
}

TEST(DispatchPolicy, MeasuredTimePicksTheGroupThatIsDoneTheSoonest) {
  std::vector<GroupView> groups(3, {.has_room = true, .num_requests = 1});
  groups[0].work_s = 2;
  groups[1].work_s = 3;
  groups[2].work_s = 4;
  groups[0].num_tokens = 5000;  // tokens do not count
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 0.5), 0);
  groups[0].has_room = false;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 0.5), 1);
  // A cached prefix takes precedence in a group that is not fuller by more than the window.
  groups[2].cached_tokens = 64;
  groups[2].saved_s = 0.1;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 0.5), 1);
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 1.5), 2);
}

TEST(DispatchPolicy, OfGroupsThatAreAsGoodTheOneThatWorkedTheLeastLatelyIsNext) {
  std::vector<GroupView> groups(3, {.has_room = true, .work_s = 1});
  groups[0].recent_s = 0.3;
  groups[1].recent_s = 0.1;
  groups[1].work_s = 1.09;
  groups[2].work_s = 1.2;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 5), 1);
  groups[1].work_s = 1.11;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 5), 0);
}

// A step that mostly reads weights takes as long with a piece of a prompt as without, so the work hardly differs.
TEST(DispatchPolicy, OfGroupsThatAreAsGoodTheOneWithFewerPromptPiecesAheadIsNext) {
  std::vector<GroupView> groups(3, {.has_room = true, .work_s = 1, .recent_s = 0.5});
  groups[0].num_prefill_tokens = 2 * kPromptPieceTokens;
  groups[0].recent_s = 0.1;
  groups[1].num_prefill_tokens = kPromptPieceTokens;
  groups[2].num_prefill_tokens = kPromptPieceTokens - 1;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 5), 2);
  groups[1].num_prefill_tokens = 1;
  groups[1].recent_s = 0.4;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 5), 1) << "as many pieces, and it worked less lately";
  groups[1].work_s = groups[2].work_s = 1.2;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 5), 0) << "it is done sooner all the same";
}

TEST(DispatchPolicy, ByTimeTooAPopularPrefixSpreadsFromAGroupThatHadMoreThanItsShare) {
  std::vector<GroupView> groups(2, {.has_room = true, .num_requests = 2, .work_s = 3});
  groups[0].cached_tokens = 512;
  groups[0].saved_s = 0.5;
  groups[0].recent_s = 1.45;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 1), 0);
  groups[0].recent_s = 1.55;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 1), 1);
  groups[0].num_requests = 0;
  EXPECT_EQ(pick_group(Method::kMeasuredTime, groups, -1, 0, 1), 0) << "it is idle, so nobody waits for it";
}

TEST(DispatchPolicy, WithoutRoomNoGroupIsPicked) {
  auto groups = three_groups();
  for (GroupView& group : groups) group.has_room = false;
  for (const Method method : {Method::kRoundRobin, Method::kShortestQueue, Method::kMinimumTokens,
                              Method::kPrefixAffinity, Method::kMeasuredTime}) {
    EXPECT_EQ(pick_group(method, groups, 0), std::nullopt);
  }
}

}  // namespace
}  // namespace braid
