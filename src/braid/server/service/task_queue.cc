#include "braid/server/service/task_queue.h"

#include <exception>

#include "braid/base/check.h"

namespace braid {

TaskQueue::TaskQueue(int num_threads, ThreadRole role, std::shared_ptr<Logger> logger)
    : num_threads_(num_threads), role_(role), logger_(std::move(logger)) {
  CHECK(num_threads >= 1);
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { thread_main(); });
}

TaskQueue::~TaskQueue() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    timers_.clear();
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskQueue::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  arrived_.notify_one();
}

TaskQueue::TimerId TaskQueue::post_at(Clock::time_point when, Task task) {
  const std::lock_guard lock(mutex_);
  const TimerId id{when, next_timer_++};
  timers_.emplace(id, std::move(task));
  arrived_.notify_one();  // a waiting thread may be waiting for a later timer
  return id;
}

void TaskQueue::cancel(const TimerId& id) {
  Task dropped;  // destroyed after the lock is released: it may hold the last reference to something
  const std::lock_guard lock(mutex_);
  const auto timer = timers_.find(id);
  if (timer == timers_.end()) return;
  dropped = std::move(timer->second);
  timers_.erase(timer);
}

bool TaskQueue::begin_wait(int max_waits) {
  {
    const std::lock_guard lock(mutex_);
    if (num_waiting_ >= max_waits) return false;
    CHECK(num_running_ > 0, "only a task waits");
    ++num_waiting_;
    --num_running_;
    const bool has_thread = std::ssize(threads_) >= num_threads_ + num_waiting_;
    if (!has_thread && !is_stopping_) threads_.emplace_back([this] { thread_main(); });
  }
  arrived_.notify_one();
  return true;
}

void TaskQueue::end_wait() {
  const std::lock_guard lock(mutex_);
  --num_waiting_;
  ++num_running_;
}

void TaskQueue::thread_main() {
  set_thread_role(role_);
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      if (!next(lock, task)) return;
    }
    try {
      task();
    } catch (const std::exception& error) {  // the edge of a thread: no request may end the process
      logger_->error("a task of the server failed: {}", error.what());
    }
    task = nullptr;
    const std::lock_guard lock(mutex_);
    --num_running_;
  }
}

// A due timer runs before the tasks, which may be many. False: the queue is stopping, and it is empty or other threads
// run the rest. A thread that has run a task looks for the next one itself, so none need be woken then.
bool TaskQueue::next(std::unique_lock<std::mutex>& lock, Task& task) {
  while (true) {
    if (num_running_ >= num_threads_) {
      if (is_stopping_) return false;
      arrived_.wait(lock);
      continue;
    }
    const bool has_timer = !timers_.empty();
    if (has_timer && timers_.begin()->first.first <= Clock::now()) {
      task = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      ++num_running_;
      return true;
    }
    if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
      ++num_running_;
      return true;
    }
    if (is_stopping_) return false;
    if (has_timer) {
      const auto when = timers_.begin()->first.first;
      arrived_.wait_until(lock, when);
    } else {
      arrived_.wait(lock);
    }
  }
}

}  // namespace braid
