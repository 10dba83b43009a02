#include "braid/server/service/task_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <stdexcept>

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
