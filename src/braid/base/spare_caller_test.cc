#include "braid/base/spare_caller.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

namespace braid {
namespace {

TEST(SpareTime, WorkThatGetsOnIsNotStarvedHoweverLongItTakes) {
  for (const double cpu_s : {0.0, 0.004, 0.5, 100.0}) {
    EXPECT_FALSE(SpareTime::is_starved(cpu_s, cpu_s)) << cpu_s;             // a core of its own
    EXPECT_FALSE(SpareTime::is_starved(4 * cpu_s, cpu_s)) << cpu_s;         // a quarter of one
    EXPECT_TRUE(SpareTime::is_starved(0.021 + 5 * cpu_s, cpu_s)) << cpu_s;  // less than a fifth
  }
  EXPECT_FALSE(SpareTime::is_starved(0.019, 0)) << "it may still wait for its first turn";
}

TEST(SpareTime, IsNotTriedForASecondAfterWorkStarved) {
  SpareTime spare;
  EXPECT_TRUE(spare.is_worth_a_try(5));
  spare.see_starved(5);
  EXPECT_FALSE(spare.is_worth_a_try(5.9));
  EXPECT_TRUE(spare.is_worth_a_try(6));
}

// Beside threads that keep all cores busy it may have to be tried again.
void run_until_done(SpareCaller& caller, const std::function<void()>& call) {
  while (!caller.run(call)) std::this_thread::yield();
}

TEST(SpareCaller, CallsRunOnAThreadThatTakesNoTimeFromOthers) {
  SpareCaller caller;
  const auto policy = std::make_shared<std::atomic<int>>(-1);
  run_until_done(caller, [policy] { *policy = sched_getscheduler(0); });
  EXPECT_EQ(*policy, SCHED_IDLE);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(SpareCaller, ACallThatDoesNotGetOnIsGivenUpAndEndsByItself) {
  SpareCaller caller;
  std::promise<void> released;
  const auto num_ended = std::make_shared<std::atomic<int>>(0);
  EXPECT_FALSE(caller.run([held = released.get_future().share(), num_ended] {
    held.wait();
    ++*num_ended;
  }));
  EXPECT_FALSE(caller.run([num_ended] { ++*num_ended; })) << "there was no spare time a moment ago";
  EXPECT_EQ(*num_ended, 0);
  released.set_value();
  run_until_done(caller, [num_ended] { *num_ended += 10; });
  EXPECT_EQ(*num_ended % 10, 1) << "the first has ended, and the second was not begun";
}

TEST(SpareCaller, TheEndDoesNotWaitForACallThatWasGivenUp) {
  std::promise<void> released;
  const auto has_ended = std::make_shared<std::promise<void>>();
  {
    SpareCaller caller;
    EXPECT_FALSE(caller.run([held = released.get_future().share(), has_ended] {
      held.wait();
      has_ended->set_value();
    }));
  }
  released.set_value();
  has_ended->get_future().wait();
}

}  // namespace
}  // namespace braid
