// A counter of events that threads can wait on with a timeout, which std::atomic's wait lacks. Tested by
// event_count_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

namespace braid {

class EventCount {
 public:
  uint32_t count() const { return count_.load(); }

  void notify_all();  // a thread that sees the new count sees everything written before the call

  // Returns when count() is no longer `seen`, when the time is over, or early for no reason.
  void wait(uint32_t seen, double timeout_s);

 private:
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> num_waiters_{0};  // without waiters, notify_all() makes no system call
};

}  // namespace braid
