#include "braid/base/helped_thread.h"

#include <pthread.h>
#include <unistd.h>

namespace braid {
namespace {

bool is_same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

void HelpedThread::settle() {
  if (owner_ != std::this_thread::get_id()) {
    owner_ = std::this_thread::get_id();
    sched_getaffinity(0, sizeof(home_), &home_);
    clockid_t clock = 0;
    pthread_getcpuclockid(pthread_self(), &clock);
    cpu_clock_.store(clock);
    id_.store(gettid());
  } else if (is_away_.load(std::memory_order_relaxed)) {
    is_away_.store(false, std::memory_order_relaxed);
    sched_setaffinity(0, sizeof(home_), &home_);
  }
}

// The kernel brings the clock of a running thread up to date at each reading.
bool HelpedThread::is_running() const {
  if (id_.load() == 0) return false;
  const clockid_t clock = cpu_clock_.load();
  timespec before = {};
  timespec after = {};
  clock_gettime(clock, &before);
  constexpr int kReadings = 4;
  for (int i = 0; i < kReadings; ++i) {
    clock_gettime(clock, &after);
    if (!is_same(before, after)) return true;
  }
  return false;
}

double HelpedThread::cpu_seconds() const {
  timespec time = {};
  if (id_.load() == 0 || clock_gettime(cpu_clock_.load(), &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// is_away_ comes last: a thread that settles in between would otherwise forget that it has to go home.
void HelpedThread::bring_here() {
  const int cpu = sched_getcpu();
  const pid_t id = id_.load();
  if (id == 0 || cpu < 0 || cpu >= CPU_SETSIZE) return;
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<size_t>(cpu), &here);
  if (sched_setaffinity(id, sizeof(here), &here) == 0) is_away_.store(true, std::memory_order_relaxed);
}

}  // namespace braid
