// A queue between threads that holds at most `capacity` items and that either end can close. Tested by link_test.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace braid {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  enum class Push { kDone, kFull, kClosed };

  // Waits up to timeout_s for room.
  Push push(T value, double timeout_s) {
    std::unique_lock lock(mutex_);
    const auto has_room = [&] { return is_closed_ || items_.size() < capacity_; };
    if (!has_room() && !room_.wait_for(lock, std::chrono::duration<double>(timeout_s), has_room)) return Push::kFull;
    if (is_closed_) return Push::kClosed;
    items_.push_back(std::move(value));
    filled_.notify_one();
    return Push::kDone;
  }

  // For an item that must not be refused for lack of room. Each sender pushes only one.
  void push_last(T value) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(value));
    filled_.notify_one();
  }

  // Nothing after timeout_s, after wake(), or if the queue is closed and empty.
  std::optional<T> pop(double timeout_s) {
    std::unique_lock lock(mutex_);
    const auto has_news = [&] { return is_closed_ || is_woken_ || !items_.empty(); };
    if (!has_news() && timeout_s > 0) filled_.wait_for(lock, std::chrono::duration<double>(timeout_s), has_news);
    is_woken_ = false;
    if (items_.empty()) return std::nullopt;
    std::optional<T> item = std::move(items_.front());
    items_.pop_front();
    room_.notify_one();
    return item;
  }

  void wake() {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
    filled_.notify_all();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    filled_.notify_all();
    room_.notify_all();
  }

  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return is_closed_;
  }

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable room_;
  std::deque<T> items_;
  bool is_closed_ = false;
  bool is_woken_ = false;
};

}  // namespace braid
