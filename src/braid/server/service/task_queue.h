// Threads for work that must not run on the engine's or the transport's threads: tasks in order, and timers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/thread_role.h"

namespace braid {

class TaskQueue {
 public:
  using Task = std::function<void()>;
  using Clock = std::chrono::steady_clock;

  // With one thread, each task begins after the previous one has ended.
  TaskQueue(int num_threads, ThreadRole role, std::shared_ptr<Logger> logger);
  // Runs all posted tasks; drops timers that are not due.
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  // From any thread; never waits for a task.
  void post(Task task);

  using TimerId = std::pair<Clock::time_point, uint64_t>;
  TimerId post_at(Clock::time_point when, Task task);
  void cancel(const TimerId& id);  // does nothing if it was due already

 private:
  void thread_main();
  bool next(std::unique_lock<std::mutex>& lock, Task& task);

  const ThreadRole role_;
  const std::shared_ptr<Logger> logger_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Task> tasks_;
  std::map<TimerId, Task> timers_;
  uint64_t next_timer_ = 1;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace braid
