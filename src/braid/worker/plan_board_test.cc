// A group's ranks find the plan of their round, and nobody waits for one after the world's end.
#include "braid/worker/plan_board.h"

#include <gtest/gtest.h>

#include <future>

namespace braid {
namespace {

std::shared_ptr<const StepPlan> plan_of(uint64_t step) {
  return std::make_shared<const StepPlan>(StepPlan{.step = step});
}

TEST(PlanBoard, EveryRankFindsTheLastTwoRounds) {
  PlanBoard board;
  board.put(1, plan_of(7));
  board.put(2, nullptr);
  EXPECT_EQ((*board.wait_for(1))->step, 7U);
  EXPECT_EQ(*board.wait_for(2), nullptr);
  board.put(3, plan_of(8));
  EXPECT_EQ(*board.wait_for(2), nullptr);
  EXPECT_EQ((*board.wait_for(3))->step, 8U);
}

TEST(PlanBoard, ARankWaitsForItsPlan) {
  PlanBoard board;
  auto waiting = std::async(std::launch::async, [&] { return (*board.wait_for(5))->step; });
  board.put(4, plan_of(1));
  board.put(5, plan_of(2));
  EXPECT_EQ(waiting.get(), 2U);
}

TEST(PlanBoard, TheEndIsAnErrorForWhoeverWaitsAndNotForAPlanThatIsThere) {
  PlanBoard board;
  board.put(1, plan_of(1));
  auto waiting = std::async(std::launch::async, [&] { return board.wait_for(2); });
  board.end();
  const auto ended = waiting.get();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().message, "the world has ended");
  EXPECT_TRUE(board.wait_for(1).ok());
}

}  // namespace
}  // namespace braid
