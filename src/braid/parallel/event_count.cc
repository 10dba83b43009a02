#include "braid/parallel/event_count.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace braid {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace

// All four accesses are sequentially consistent. So either the kernel's check of the counter for the waiter sees the
// new count, or the notifier sees the waiter.
void EventCount::notify_all() {
  count_.fetch_add(1);
  if (num_waiters_.load() > 0) syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void EventCount::wait(uint32_t seen, double timeout_s) {
  timeout_s = std::clamp(timeout_s, 0.0, 1e6);
  timespec time{};
  time.tv_sec = static_cast<time_t>(timeout_s);
  time.tv_nsec = static_cast<long>((timeout_s - static_cast<double>(time.tv_sec)) * 1e9);
  num_waiters_.fetch_add(1);
  syscall(SYS_futex, &count_, FUTEX_WAIT_PRIVATE, seen, &time, nullptr, 0);
  num_waiters_.fetch_sub(1);
}

}  // namespace braid
