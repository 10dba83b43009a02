#include "braid/base/other_thread.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

namespace braid {
namespace {

bool is_same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

OtherThread OtherThread::self() {
  OtherThread thread;
  thread.id_ = gettid();
  pthread_getcpuclockid(pthread_self(), &thread.cpu_clock_);
  return thread;
}

// The kernel brings the clock of a thread that runs up to date at each reading.
bool OtherThread::is_running() const {
  timespec before = {};
  timespec after = {};
  clock_gettime(cpu_clock_, &before);
  constexpr int kReadings = 4;
  for (int i = 0; i < kReadings; ++i) {
    clock_gettime(cpu_clock_, &after);
    if (!is_same(before, after)) return true;
  }
  return false;
}

void OtherThread::bring_here() const {
  cpu_set_t allowed;
  const int cpu = sched_getcpu();
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(id_, sizeof(allowed), &allowed) != 0) return;
  if (!CPU_ISSET(static_cast<size_t>(cpu), &allowed)) return;
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<size_t>(cpu), &here);
  if (sched_setaffinity(id_, sizeof(here), &here) == 0) sched_setaffinity(id_, sizeof(allowed), &allowed);
}

}  // namespace braid
