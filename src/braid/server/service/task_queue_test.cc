#include "braid/server/service/task_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace braid {
namespace {

using Clock = TaskQueue::Clock;

TEST(TaskQueue, OneThreadRunsTasksInOrderAndTheDestructorRunsAll) {
  std::vector<int> order;
  {
    TaskQueue queue(1, ThreadRole::kWorker, make_null_logger());
    for (int i = 0; i < 1000; ++i) queue.post([&, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(TaskQueue, ATimerRunsAtItsTimeUnlessCancelled) {
  std::atomic<int> cancelled_runs = 0;
  const auto start = Clock::now();
  Clock::time_point ran;
  {
    TaskQueue queue(2, ThreadRole::kWorker, make_null_logger());
    std::latch done(1);
    const auto cancelled = queue.post_at(start + std::chrono::milliseconds(10), [&] { ++cancelled_runs; });
    queue.post_at(start + std::chrono::milliseconds(20), [&] {
      ran = Clock::now();
      done.count_down();
    });
    queue.post_at(start + std::chrono::hours(1), [&] { ++cancelled_runs; });
    queue.cancel(cancelled);
    queue.cancel(cancelled);
    done.wait();
  }
  EXPECT_GE(ran - start, std::chrono::milliseconds(20));
  EXPECT_EQ(cancelled_runs, 0);
}

TEST(TaskQueue, TasksRunWhileOthersWait) {
  constexpr int kMaxWaits = 2;
  TaskQueue queue(1, ThreadRole::kWorker, make_null_logger());
  for (int round = 0; round < 3; ++round) {
    std::latch may_go_on(1);
    std::latch two_wait(kMaxWaits);
    std::latch all_have_ended(kMaxWaits);
    for (int i = 0; i < kMaxWaits; ++i) {
      queue.post([&] {
        EXPECT_TRUE(queue.begin_wait(kMaxWaits));
        two_wait.count_down();
        may_go_on.wait();
        queue.end_wait();
        all_have_ended.count_down();
      });
    }
    std::latch others_ran(3);
    std::atomic<int> num_at_a_time = 0;
    queue.post([&] {
      two_wait.wait();
      EXPECT_FALSE(queue.begin_wait(kMaxWaits));
      others_ran.count_down();
    });
    for (int i = 0; i < 2; ++i) {
      queue.post([&] {
        EXPECT_EQ(++num_at_a_time, 1);
        std::this_thread::yield();
        --num_at_a_time;
        others_ran.count_down();
      });
    }
    others_ran.wait();
    may_go_on.count_down();
    all_have_ended.wait();
  }
}

TEST(TaskQueue, TheDestructorRunsAllAlsoIfSomeHaveWaited) {
  std::atomic<int> runs = 0;
  {
    TaskQueue queue(1, ThreadRole::kWorker, make_null_logger());
    for (int i = 0; i < 200; ++i) {
      queue.post([&] {
        const bool waits = queue.begin_wait(3);
        std::this_thread::yield();
        if (waits) queue.end_wait();
        ++runs;
      });
    }
  }
  EXPECT_EQ(runs, 200);
}

TEST(TaskQueue, ATaskThatThrowsDoesNotEndTheThread) {
  std::atomic<int> runs = 0;
  {
    TaskQueue queue(1, ThreadRole::kWorker, make_null_logger());
    queue.post([] { throw std::runtime_error("broken"); });
    queue.post([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace braid
