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

  // Around what a task of this queue waits for, such as another host: another thread takes its place meanwhile. False:
  // `max_waits` tasks wait already; then there is nothing to end.
  bool begin_wait(int max_waits);
  void end_wait();

 private:
  void thread_main();
  bool next(std::unique_lock<std::mutex>& lock, Task& task);

  const int num_threads_;  // that may run at a time
  const ThreadRole role_;
  const std::shared_ptr<Logger> logger_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Task> tasks_;
  std::map<TimerId, Task> timers_;
  uint64_t next_timer_ = 1;
  bool is_stopping_ = false;
  int num_running_ = 0;  // tasks that have begun and do not wait; after a wait for a while above num_threads_
  int num_waiting_ = 0;
  std::vector<std::thread> threads_;  // num_threads_, and one for each of the most that have waited at a time
};

}  // namespace braid
