// Work beside threads that compute. Tested by background_test.cc.
#pragma once

#include <signal.h>
#include <time.h>

#include <cstdint>

namespace braid {

// While it lives, its thread works in turns of half a millisecond. Where more threads want to run than there are CPUs,
// it sleeps 10 ms between turns, so that a step loses little at a time and the work still gets on, whatever else runs;
// elsewhere it goes on at once. A timer's signal (SIGRTMAX - 1) ends a turn, so the work itself need not look at the
// time. Made and destroyed by the thread that works.
class ShortTurns {
 public:
  ShortTurns();
  ~ShortTurns();
  ShortTurns(const ShortTurns&) = delete;
  ShortTurns& operator=(const ShortTurns&) = delete;

 private:
  static void on_signal(int signal, siginfo_t* info, void* context);

  void end_turn();
  void begin_turn();
  bool is_machine_full() const;
  bool is_kept_waiting() const;

  bool is_timed_ = false;
  timer_t timer_ = {};
  const int load_file_;  // /proc/loadavg; negative where that is absent
  const int64_t num_cpus_;
  int64_t begin_ns_ = 0;      // of the turn, on the monotonic clock
  int64_t begin_cpu_ns_ = 0;  // and in this thread's processor time
};

// For work that somebody waits for, beside steps: lowers the priority of the calling thread, and of the threads that it
// starts from now on, so that where all CPUs are busy it gets about a quarter of the time of a thread that computes
// steps (nice 6).
void give_way_to_steps();

// The calling thread, and those that it starts from now on, have a CPU only while nothing else wants it (SCHED_IDLE).
// They may get none at all for a long time (IdleCaller).
void run_when_idle();

}  // namespace braid
