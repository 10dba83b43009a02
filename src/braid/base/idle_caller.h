// Calls on a thread that has a CPU only while nothing else wants it (SCHED_IDLE): what wakes up there runs at once,
// where it would wait for the time slice of a thread that merely has a lower weight. Such a thread may starve, so the
// caller takes the work back if it does. Tested by idle_caller_test.cc.
#pragma once

#include <functional>
#include <optional>

#include "braid/base/call_thread.h"

namespace braid {

// Used by one thread.
class IdleCaller {
 public:
  // It starves if it has had less than a quarter of a CPU for `window_s`.
  explicit IdleCaller(double window_s) : window_s_(window_s) {}
  // Waits for a call that goes on, but for one that starves.
  ~IdleCaller();
  IdleCaller(const IdleCaller&) = delete;
  IdleCaller& operator=(const IdleCaller&) = delete;

  // Runs call() on the idle thread and waits for it. False: it starves, or an earlier call still does and this one has
  // not been tried. A call that starves goes on when there is a CPU for it, so it must own all that it uses. It may not
  // throw. The thread has the role of the one that calls run() first; what it starts is as idle as itself.
  bool run(std::function<void()> call);

 private:
  bool is_done_in_time();

  const double window_s_;
  std::optional<CallThread> thread_;  // absent: the first call starts one
};

}  // namespace braid
