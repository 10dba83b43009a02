#include "braid/base/watched_caller.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace braid {
namespace {

// A call that is stuck until the test lets it go. What it uses is its own.
class StuckCall {
 public:
  std::function<void()> call() const {
    return [held = released_, number = number_] {
      held.wait();
      ++*number;
    };
  }
  void release() { release_.set_value(); }
  void wait_for(int number) const {
    while (*number_ < number) std::this_thread::yield();
  }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  std::shared_ptr<std::atomic<int>> number_ = std::make_shared<std::atomic<int>>(0);
};

TEST(WatchedCaller, CallsRunOnOneOtherThread) {
  WatchedCaller caller(10);
  std::vector<std::thread::id> threads;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(caller.run([&] { threads.push_back(std::this_thread::get_id()); }));
  EXPECT_EQ(threads, std::vector<std::thread::id>(3, threads[0]));
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST(WatchedCaller, ACallThatIsStuckIsLeftBehindAndTheNextGetsAnotherThread) {
  StuckCall stuck;
  bool is_done = false;
  {
    WatchedCaller caller(0.02);
    EXPECT_FALSE(caller.run(stuck.call()));
    EXPECT_TRUE(caller.run([&] { is_done = true; }));
  }  // does not wait for it
  EXPECT_TRUE(is_done);
  stuck.release();
  stuck.wait_for(1);
}

TEST(WatchedCaller, ThreadsThatAreStuckAreBoundedUntilTheyComeBack) {
  StuckCall stuck;
  WatchedCaller caller(0.02);
  for (int i = 0; i < WatchedCaller::kMaxStuck; ++i) EXPECT_FALSE(caller.run(stuck.call()));
  EXPECT_FALSE(caller.run([] { FAIL() << "so many are stuck"; }));
  stuck.release();
  stuck.wait_for(WatchedCaller::kMaxStuck);
  bool is_done = false;
  while (!caller.run([&] { is_done = true; })) std::this_thread::yield();
  EXPECT_TRUE(is_done);
}

TEST(WatchedCaller, ACallThatTakesLongerThanThePatienceButGetsOnIsWaitedFor) {
  WatchedCaller caller(0.4);
  EXPECT_TRUE(caller.run([] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(800);
    while (std::chrono::steady_clock::now() < end) {
    }
  }));
}

TEST(WatchedCaller, WithoutPatienceItWaitsForEver) {
  WatchedCaller caller(0);
  EXPECT_TRUE(caller.run([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }));
}

}  // namespace
}  // namespace braid
