// Whose turn it is within a group: priorities, and short prompts behind long ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

class SchedulerTurnTest : public ::testing::Test {
 protected:
  using Parts = std::vector<std::pair<RequestId, size_t>>;

  static SchedulerConfig config_of(int32_t num_pages, int32_t chunk = 64) {
    return {.num_pages = num_pages,
            .page_size = 4,
            .context_len = static_cast<int32_t>(clamp_context(20'000, num_pages, 4)),
            .max_running_requests = 40,
            .chunked_prefill_size = chunk};
  }
  static void add(ScheduledGroup& group, RequestId id, size_t prompt_len, int32_t max_new_tokens,
                  int32_t priority = 0) {
    const std::vector<TokenId> prompt(prompt_len, static_cast<TokenId>(id % 1000));
    ASSERT_TRUE(group.add(id, prompt, max_new_tokens, {}, priority).ok());
  }
  static Parts step(ScheduledGroup& group) { return group.step() ? group.planned() : Parts(); }
  static bool has_token(const ScheduledGroup& group, RequestId id) {
    return group.last.contains(id) && group.last.at(id).token.has_value();
  }
  // The number of steps until the request has its first token.
  static int steps_to_first_token(ScheduledGroup& group, RequestId id) {
    int steps = 0;
    for (; !has_token(group, id) && steps < 10'000; ++steps) group.step();
    return steps;
  }
};

TEST_F(SchedulerTurnTest, AShortPromptDoesNotWaitForALongOne) {
  ScheduledGroup group(config_of(2000));
  add(group, 1, 3000, 2);
  EXPECT_EQ(step(group), (Parts{{1, 64}}));
  add(group, 2, 10, 2);
  add(group, 3, 2000, 2);
  add(group, 4, 6, 2);
  EXPECT_EQ(step(group), (Parts{{1, 32}, {2, 10}, {3, 16}, {4, 6}})) << "half a chunk is saved up";
  EXPECT_TRUE(has_token(group, 2));
  EXPECT_TRUE(has_token(group, 4));
  EXPECT_EQ(step(group), (Parts{{2, 1}, {4, 1}, {1, 61}, {3, 3}})) << "from now on, a tenth";
  group.run();
}

TEST_F(SchedulerTurnTest, WithoutAPriceAllGoesInTurn) {
  SchedulerConfig config = config_of(1000);
  config.overtaking_price = 0;
  ScheduledGroup group(config);
  add(group, 1, 130, 2);
  add(group, 2, 10, 2);
  EXPECT_EQ(step(group), (Parts{{1, 64}}));
  EXPECT_EQ(step(group), (Parts{{1, 64}}));
  EXPECT_EQ(step(group), (Parts{{1, 2}, {2, 10}}));
}

TEST_F(SchedulerTurnTest, ALongPromptIsDelayedByATenthAndHalfAChunkAtMost) {
  SchedulerConfig config = config_of(5000);
  config.positions_of_a_token = 1 << 30;  // all tokens are the same work, and so are all steps
  ScheduledGroup alone(config);
  add(alone, 1, 12'000, 1);
  const int least = steps_to_first_token(alone, 1);
  ScheduledGroup group(config);
  add(group, 1, 12'000, 1);
  int steps = 0;
  RequestId next = 2;
  int num_answered = 0;
  for (; !has_token(group, 1) && steps < 10'000; ++steps) {
    while (group.scheduler.credits().num_requests > 20) add(group, next++, 8, 1);  // more than there is room for
    group.step();
  }
  for (RequestId id = 2; id < next; ++id) num_answered += has_token(group, id) ? 1 : 0;
  EXPECT_GT(num_answered, 100);
  EXPECT_LE(steps, least + least / 10 + 2);
  EXPECT_GE(steps, least + least / 20) << "the others do get their share";
}

// The prompt of a long conversation is short when the cache has all but its end.
TEST_F(SchedulerTurnTest, WhatThePrefixCacheHasDoesNotCount) {
  ScheduledGroup group(config_of(2000));
  std::vector<TokenId> talk(400, 7);
  ASSERT_TRUE(group.add(1, talk, 1).ok());
  group.run();
  add(group, 2, 3000, 1);
  (void)step(group);
  talk.insert(talk.end(), {8, 9, 10});
  ASSERT_TRUE(group.add(3, talk, 1).ok());
  EXPECT_EQ(step(group), (Parts{{2, 61}, {3, 3}}));
  EXPECT_EQ(group.last.at(3).cached_tokens, 400);
}

// A request that waits to find a long prompt's prefix in the cache does not hold up others.
TEST_F(SchedulerTurnTest, AShortPromptGoesAheadOfOneThatWaitsForAPrefix) {
  ScheduledGroup group(config_of(2000));
  const std::vector<TokenId> shared(1000, 7);
  ASSERT_TRUE(group.add(1, shared, 1).ok());
  ASSERT_TRUE(group.add(2, shared, 1).ok());
  (void)step(group);
  add(group, 3, 10, 1);
  EXPECT_EQ(step(group), (Parts{{1, 54}, {3, 10}}));
  group.run();
  EXPECT_EQ(group.last.at(2).cached_tokens, 996);
}

// Short prompts would take the room for ever.
TEST_F(SchedulerTurnTest, ARequestThatLacksRoomIsNotOvertakenWithoutEnd) {
  ScheduledGroup group(config_of(40));
  add(group, 1, 100, 40);
  (void)step(group);
  add(group, 2, 120, 2);  // 30 pages and one to grow
  RequestId next = 3;
  int steps = 0;
  for (; !has_token(group, 2) && steps < 1000; ++steps) {
    for (int i = 0; i < 2; ++i) add(group, next++, 6, 12);
    if (group.scheduler.stats().num_waiting > 20) group.scheduler.abort(next - 1);
    group.step();
  }
  EXPECT_LT(steps, 100);
}

TEST_F(SchedulerTurnTest, AnUrgentPromptHasItsTurnFirst) {
  ScheduledGroup group(config_of(1000));
  add(group, 1, 2000, 2);
  add(group, 2, 4, 5, -1);
  EXPECT_EQ(step(group), (Parts{{1, 64}}));
  add(group, 3, 100, 2, 5);
  EXPECT_EQ(step(group), (Parts{{3, 64}}));
  EXPECT_EQ(step(group), (Parts{{3, 36}, {1, 28}}));
  EXPECT_EQ(step(group), (Parts{{3, 1}, {1, 64}})) << "a lower priority has no share, however short";
  group.run();
}

TEST_F(SchedulerTurnTest, TheLowestPriorityIsPreemptedFirst) {
  ScheduledGroup group(config_of(12));
  ScheduledGroup alone(config_of(100));
  for (auto* at : {&group, &alone}) {
    add(*at, 1, 4, 24, 0);
    add(*at, 2, 4, 24, 0);
    add(*at, 3, 4, 24, 7);
  }
  // The urgent one came last, and runs in every step.
  for (int i = 0; i < 24; ++i) {
    const Parts parts = step(group);
    EXPECT_TRUE(std::ranges::any_of(parts, [](const auto& part) { return part.first == 3; })) << i;
  }
  EXPECT_EQ(group.last.at(3).finish, FinishReason::kLength);
  EXPECT_GT(group.scheduler.stats().num_preemptions, 0U);
  group.run();
  alone.run();
  EXPECT_EQ(group.tokens, alone.tokens);
}

TEST_F(SchedulerTurnTest, AnUrgentRequestStartsInThePlaceOfALowerOne) {
  ScheduledGroup group(config_of(24));
  add(group, 1, 32, 30, 1);  // 8 pages of 24, up to 16
  add(group, 2, 32, 30, 0);
  (void)step(group);
  (void)step(group);
  add(group, 3, 30, 4, 2);  // 8 pages and one to grow, and 6 are left
  EXPECT_EQ(step(group), (Parts{{1, 1}, {3, 30}}));
  EXPECT_EQ(group.scheduler.stats().num_preemptions, 1U);
  group.run();
  EXPECT_EQ(group.tokens.at(2).size(), 62U);
}

TEST_F(SchedulerTurnTest, NobodyGivesWayToARequestThatWouldNotFitAnyway) {
  ScheduledGroup group(config_of(24));
  add(group, 1, 48, 30, 2);
  add(group, 2, 16, 30, 0);
  (void)step(group);
  add(group, 3, 48, 4, 1);
  EXPECT_EQ(step(group).size(), 2U);
  EXPECT_EQ(group.scheduler.stats().num_preemptions, 0U);
}

TEST_F(SchedulerTurnTest, AnUrgentRequestDoesNotWaitForAPrefixThatALowerOneComputes) {
  ScheduledGroup group(config_of(2000));
  const std::vector<TokenId> shared(1000, 7);
  ASSERT_TRUE(group.add(1, shared, 1).ok());
  (void)step(group);
  ASSERT_TRUE(group.add(2, shared, 1, {}, 1).ok());
  EXPECT_EQ(step(group), (Parts{{2, 64}}));
  group.run();
}

}  // namespace
}  // namespace braid
