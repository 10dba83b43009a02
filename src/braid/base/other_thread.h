// What a waiting thread can learn of the thread that it waits for, and do for it. Tested by thread_team_test.cc.
#pragma once

#include <sys/types.h>

#include <ctime>

namespace braid {

class OtherThread {
 public:
  // The calling thread, to be watched by others while it lives.
  static OtherThread self();

  // Whether its processor time advances within some microseconds. If not, it sleeps, or something else has its CPU.
  bool is_running() const;

  // Moves it to the caller's CPU, where it runs as soon as the caller sleeps. Its affinity mask stays as it was. Does
  // nothing if its mask forbids this CPU.
  void bring_here() const;

 private:
  pid_t id_ = 0;
  clockid_t cpu_clock_ = 0;
};

}  // namespace braid
