// Prefills that the scheduler holds back so that groups can prefill together.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

class SchedulerHoldTest : public ::testing::Test {
 protected:
  using Parts = std::map<RequestId, size_t>;

  void add(RequestId id, size_t prompt_len, int32_t max_new_tokens) {
    ASSERT_TRUE(group_.add(id, std::vector<TokenId>(prompt_len, static_cast<TokenId>(id)), max_new_tokens).ok());
  }
  // Runs a step and returns the new tokens of each request.
  Parts step(bool may_begin_prefills) {
    if (!group_.step(may_begin_prefills)) return {};
    const auto planned = group_.planned();
    return {planned.begin(), planned.end()};
  }
  PrefillState state() const { return group_.scheduler.prefill_state(); }

  ScheduledGroup group_{
      {.num_pages = 16, .page_size = 4, .context_len = 64, .max_running_requests = 4, .chunked_prefill_size = 8}, 100};
};

TEST_F(SchedulerHoldTest, DecodesContinueAndHeldStepsAreCounted) {
  add(1, 3, 20);
  EXPECT_EQ(step(true), (Parts{{1, 3}}));
  add(2, 3, 5);
  EXPECT_EQ(step(false), (Parts{{1, 1}}));
  EXPECT_EQ(state(), (PrefillState{.held_steps = 1}));
  add(3, 3, 5);
  EXPECT_EQ(step(false), (Parts{{1, 1}}));
  EXPECT_EQ(state(), (PrefillState{.held_steps = 2}));
  EXPECT_EQ(step(true), (Parts{{1, 1}, {2, 3}, {3, 3}}));
  EXPECT_EQ(state(), PrefillState());
}

// A held sequence is matched against the prefix cache and checked for room once, not in every step.
TEST_F(SchedulerHoldTest, AHeldRequestStaysHeldThoughItsRoomIsTakenMeanwhile) {
  add(1, 3, 40);
  EXPECT_EQ(step(true), (Parts{{1, 3}}));
  add(2, 48, 5);  // 13 of 16 pages with one to grow: room for now
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(step(false), (Parts{{1, 1}}));
    EXPECT_EQ(state().held_steps, i);
  }
  EXPECT_EQ(step(true), (Parts{{1, 1}})) << "the first one has its pages now";
  EXPECT_EQ(state().held_steps, 20) << "it waits for pages, and is not held again";
}

TEST_F(SchedulerHoldTest, AGroupWithNothingElseToDoHoldsNothing) {
  add(1, 3, 2);
  EXPECT_EQ(step(false), (Parts{{1, 3}}));
  EXPECT_EQ(state(), PrefillState());
  EXPECT_EQ(step(false), (Parts{{1, 1}}));
  add(2, 3, 2);
  EXPECT_EQ(step(false), (Parts{{2, 3}})) << "the other has ended";
}

TEST_F(SchedulerHoldTest, ABegunPrefillContinues) {
  add(1, 3, 20);
  EXPECT_EQ(step(true), (Parts{{1, 3}}));
  add(2, 12, 5);
  EXPECT_EQ(step(true), (Parts{{1, 1}, {2, 8}}));
  EXPECT_TRUE(state().goes_on);
  EXPECT_EQ(step(false), (Parts{{1, 1}, {2, 4}}));
  EXPECT_EQ(state(), PrefillState());
}

TEST_F(SchedulerHoldTest, APrefillThatAFullStepLeavesOverIsReported) {
  add(1, 3, 20);
  (void)step(true);
  add(2, 8, 5);
  add(3, 3, 5);
  EXPECT_EQ(step(true), (Parts{{1, 1}, {2, 8}}));
  EXPECT_TRUE(state().goes_on) << "another waits for the next step's room";
}

TEST_F(SchedulerHoldTest, ARequestWithoutRoomIsNotHeld) {
  add(1, 30, 20);
  for (int i = 0; i < 5; ++i) (void)step(true);
  add(2, 20, 5);
  EXPECT_EQ(step(false).size(), 1U);
  EXPECT_EQ(state().held_steps, 1);
  group_.scheduler.abort(2);
  add(3, 40, 5);
  EXPECT_EQ(step(false).size(), 1U);
  EXPECT_EQ(state(), PrefillState()) << "it could not begin anyway";
}

}  // namespace
}  // namespace braid
