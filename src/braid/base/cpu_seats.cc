#include "braid/base/cpu_seats.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace braid {

CpuSeats::CpuSeats(int num_threads)
    : sitting_(static_cast<size_t>(std::clamp<int64_t>(sysconf(_SC_NPROCESSORS_CONF), 1, CPU_SETSIZE))),
      seat_(static_cast<size_t>(num_threads), kNone),
      seen_(static_cast<size_t>(num_threads), kNone) {
  for (std::atomic<int>& thread : sitting_) thread.store(kNone, std::memory_order_relaxed);
}

void CpuSeats::settle(int thread) {
  const int cpu = sched_getcpu();
  int& seen = seen_[static_cast<size_t>(thread)];
  if (cpu == seen) return;
  if (!take(thread, cpu)) move(thread);
  // The scheduler may have moved it again meanwhile: then it has still to settle.
  seen = seat_[static_cast<size_t>(thread)];
}

bool CpuSeats::take(int thread, int cpu) {
  int& seat = seat_[static_cast<size_t>(thread)];
  if (cpu == seat) return true;
  if (cpu < 0 || static_cast<size_t>(cpu) >= sitting_.size()) return false;
  int expected = kNone;
  if (!sitting_[static_cast<size_t>(cpu)].compare_exchange_strong(expected, thread)) return false;
  if (seat != kNone) sitting_[static_cast<size_t>(seat)].store(kNone);
  seat = cpu;
  return true;
}

void CpuSeats::move(int thread) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const auto is_allowed = [&](int cpu) { return cpu != kNone && CPU_ISSET(static_cast<size_t>(cpu), &allowed); };
  if (!is_allowed(seat_[static_cast<size_t>(thread)])) {
    const int num_cpus = static_cast<int>(sitting_.size());
    int cpu = 0;
    while (cpu < num_cpus && !(is_allowed(cpu) && take(thread, cpu))) ++cpu;
    if (cpu == num_cpus) return;
  }
  cpu_set_t there;
  CPU_ZERO(&there);
  CPU_SET(static_cast<size_t>(seat_[static_cast<size_t>(thread)]), &there);
  if (sched_setaffinity(0, sizeof(there), &there) == 0) sched_setaffinity(0, sizeof(allowed), &allowed);
}

}  // namespace braid
