#include "braid/base/idle_caller.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <functional>
#include <future>
#include <thread>
#include <vector>

namespace braid {
namespace {

constexpr double kForEver_s = 1e6;

TEST(IdleCaller, CallsRunOnOneThreadThatIsIdleAsAreThoseThatItStarts) {
  IdleCaller caller(kForEver_s);
  std::vector<std::thread::id> threads;
  std::vector<int> policies;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(caller.run([&] {
      threads.push_back(std::this_thread::get_id());
      policies.push_back(sched_getscheduler(0));
      std::thread([&] { policies.push_back(sched_getscheduler(0)); }).join();
    }));
  }
  EXPECT_EQ(threads, std::vector<std::thread::id>(2, threads[0]));
  EXPECT_EQ(policies, std::vector<int>(4, SCHED_IDLE));
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(IdleCaller, ACallWithoutACpuIsGivenBackAndTheNextIsNotTriedBeforeItIsDone) {
  std::promise<void> has_cpu;
  std::promise<void> done;
  IdleCaller caller(0.01);
  EXPECT_FALSE(caller.run([waits = has_cpu.get_future().share(), &done] {
    waits.wait();
    done.set_value();
  }));
  EXPECT_FALSE(caller.run([] { FAIL() << "the thread is busy"; }));
  has_cpu.set_value();
  done.get_future().wait();
  while (!caller.run([] {})) std::this_thread::yield();
}

TEST(IdleCaller, ItsEndDoesNotWaitForACallWithoutACpu) {
  std::promise<void> has_cpu;
  std::promise<void> done;
  {
    IdleCaller caller(0.01);
    EXPECT_FALSE(caller.run([waits = has_cpu.get_future().share(), &done] {
      waits.wait();
      done.set_value();
    }));
  }
  has_cpu.set_value();
  done.get_future().wait();
}

TEST(IdleCaller, ItsEndWaitsForACallThatGetsOn) {
  bool is_done = false;
  {
    IdleCaller caller(kForEver_s);
    EXPECT_TRUE(caller.run([] {}));
    EXPECT_TRUE(caller.run([&] { is_done = true; }));
  }
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace braid
