// Where the ranks of a process sleep while their world has no work, and what wakes them. Tested by world_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace braid {

class Parking {
 public:
  // How often there was news, such as work that was put into a link.
  uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  // From any thread, after the news is where it will be found.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    changed_.notify_all();
  }
  // Returns once the count is another. Meanwhile calls use_idle_time() until that returns false; it may be empty.
  void park(uint64_t count, const std::function<bool()>& use_idle_time) {
    std::unique_lock lock(mutex_);
    const auto has_news = [&] { return count_ != count; };
    for (bool is_useful = use_idle_time != nullptr; is_useful && !has_news();) {
      lock.unlock();
      is_useful = use_idle_time();
      lock.lock();
    }
    changed_.wait(lock, has_news);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t count_ = 0;
};

}  // namespace braid
