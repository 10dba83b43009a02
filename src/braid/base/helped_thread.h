// A thread that others wait for, and what they can do when something else has its CPU: give it theirs. Otherwise it
// would come back after the time slice of whatever took its place, some milliseconds. Tested by helped_thread_test.cc.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <atomic>
#include <ctime>
#include <thread>

namespace braid {

class HelpedThread {
 public:
  // By the thread itself, each time before others may wait for it. The first call makes it known to them; its affinity
  // mask is then its home. Later calls bring it back home if it was brought elsewhere, and else cost nothing.
  void settle();

  // The rest is for the others. They do nothing for a thread that has not settled yet.

  // Whether its processor time advances within a microsecond. If not, it sleeps, or something else has its CPU.
  bool is_running() const;

  // Its processor time so far; 0 if it has ended.
  double cpu_seconds() const;

  // Moves it to the caller's CPU, even outside its home. It runs there as soon as the caller sleeps.
  void bring_here();

 private:
  std::thread::id owner_;  // with home_ used only by the thread itself
  cpu_set_t home_ = {};
  std::atomic<pid_t> id_{0};  // 0: it has not settled yet
  std::atomic<clockid_t> cpu_clock_{0};
  std::atomic<bool> is_away_{false};
};

}  // namespace braid
