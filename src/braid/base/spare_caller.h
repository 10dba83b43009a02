// Calls in time that no other thread wants: on a helper thread that any other takes a core from at once (SCHED_IDLE). A
// thread that is only nicer keeps its core for milliseconds once it has it. Such time may never come, so a call that
// does not get on is given up, to be made again elsewhere: leaving SCHED_IDLE needs a privilege. Tested by
// spare_caller_test.cc.
#pragma once

#include <functional>
#include <memory>

#include "braid/base/helper_thread.h"
#include "braid/base/spare_time.h"

namespace braid {

// Used by one thread.
class SpareCaller {
 public:
  SpareCaller() = default;
  // Leaves a call behind that has not ended.
  ~SpareCaller();
  SpareCaller(const SpareCaller&) = delete;
  SpareCaller& operator=(const SpareCaller&) = delete;

  // Runs call() and waits for it. False: there is no spare time, and the call has not been tried or is given up. The
  // helper goes on with a call that is given up, so `call` must own all that it uses. It may not throw.
  bool run(std::function<void()> call);

 private:
  SpareTime spare_;
  std::unique_ptr<HelperThread> helper_;
};

}  // namespace braid
