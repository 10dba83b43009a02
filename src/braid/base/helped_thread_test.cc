#include "braid/base/helped_thread.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace braid {
namespace {

// A thread that computes until it is told to sleep, and ends when it is told so.
class BusyThread {
 public:
  BusyThread() : thread_([this] { run(); }) { state_.wait(kStarting); }
  ~BusyThread() { set(kEnding); }

  HelpedThread& handle() { return handle_; }
  void sleep() { set(kAsleep); }
  void settle_once() {
    num_settled_ = 0;
    set(kSettling);
    while (num_settled_ == 0) std::this_thread::yield();
  }
  cpu_set_t mask() const {
    cpu_set_t mask;
    sched_getaffinity(id_, sizeof(mask), &mask);
    return mask;
  }

 private:
  static constexpr int kStarting = 0;
  static constexpr int kComputing = 1;
  static constexpr int kAsleep = 2;
  static constexpr int kSettling = 3;
  static constexpr int kEnding = 4;

  void set(int state) {
    state_ = state;
    state_.notify_all();
  }
  void run() {
    id_ = gettid();
    handle_.settle();
    set(kComputing);
    while (state_ != kEnding) {
      state_.wait(kAsleep);
      if (state_ == kSettling && num_settled_ == 0) {
        handle_.settle();
        num_settled_ = 1;
      }
    }
  }

  std::atomic<int> state_{kStarting};
  std::atomic<int> num_settled_{0};
  HelpedThread handle_;
  pid_t id_ = 0;
  std::jthread thread_;
};

bool comes_to(const HelpedThread& thread, bool is_running) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (thread.is_running() != is_running && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return std::chrono::steady_clock::now() < deadline;
}

TEST(HelpedThread, OthersSeeWhetherItRuns) {
  BusyThread thread;
  EXPECT_TRUE(comes_to(thread.handle(), true));
  thread.sleep();
  EXPECT_TRUE(comes_to(thread.handle(), false));
}

TEST(HelpedThread, ComesToTheCallersCpuAndGoesHomeWhenItSettles) {
  BusyThread thread;
  const cpu_set_t home = thread.mask();
  thread.handle().bring_here();
  const cpu_set_t away = thread.mask();
  EXPECT_EQ(CPU_COUNT(&away), 1);
  thread.settle_once();
  const cpu_set_t back = thread.mask();
  EXPECT_TRUE(CPU_EQUAL(&home, &back));
}

TEST(HelpedThread, NothingIsKnownOfAThreadThatHasNotSettled) {
  HelpedThread thread;
  EXPECT_FALSE(thread.is_running());
  cpu_set_t before;
  cpu_set_t after;
  sched_getaffinity(0, sizeof(before), &before);
  thread.bring_here();
  sched_getaffinity(0, sizeof(after), &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));  // it is not taken for the caller
}

}  // namespace
}  // namespace braid
