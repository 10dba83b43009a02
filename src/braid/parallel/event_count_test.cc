#include "braid/parallel/event_count.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "braid/base/clock.h"

namespace braid {
namespace {

TEST(EventCount, WaitReturnsAtOnceIfTheCountHasChanged) {
  EventCount events;
  const uint32_t seen = events.count();
  events.notify_all();
  EXPECT_NE(events.count(), seen);
  const double start_s = monotonic_seconds();
  events.wait(seen, 60);
  EXPECT_LT(monotonic_seconds() - start_s, 30);
}

TEST(EventCount, WaitEndsAfterTheTimeout) {
  EventCount events;
  events.wait(events.count(), 0);
  events.wait(events.count(), -1);
  events.wait(events.count(), 0.01);
}

// Every waiter sees what was written before the notification.
TEST(EventCount, NotifyWakesAllWaiters) {
  EventCount events;
  std::atomic<bool> is_set{false};
  std::atomic<int> num_woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      while (true) {
        const uint32_t seen = events.count();
        if (is_set.load()) break;
        events.wait(seen, 60);
      }
      ++num_woken;
    });
  }
  is_set.store(true);
  events.notify_all();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(num_woken, 4);
}

}  // namespace
}  // namespace braid
