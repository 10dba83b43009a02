#include "braid/base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace braid {
namespace {

TEST(RunInBackground, WorkIsDoneByAnotherThreadWhenItReturns) {
  std::thread::id worker;
  run_in_background([&] { worker = std::this_thread::get_id(); });
  EXPECT_NE(worker, std::thread::id());
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(RunInBackground, LongWorkLosesItsPriorityAndTheCallerKeepsItsOwn) {
  const auto priority = [] { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); };
  const int before = priority();
  int reached = before;
  run_in_background([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((reached = priority()) != 19 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(reached, 19);
  EXPECT_EQ(priority(), before);
}

TEST(RunInBackground, AnExceptionReachesTheCaller) {
  EXPECT_THROW(run_in_background([] { throw std::runtime_error("no"); }), std::runtime_error);
}

}  // namespace
}  // namespace braid
