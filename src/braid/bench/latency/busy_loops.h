// Work of others beside a measurement: processes that compute and nothing else. Tested by busy_loops_test.cc.
#pragma once

#include <sys/types.h>

#include <vector>

#include "braid/base/result.h"

namespace braid {

// Each loop is a process of its own, of this one's priority and CPUs, as a neighbour's program would be. They stand
// still until run(). The kernel ends them with the thread that started them, however that ends.
class BusyLoops {
 public:
  // To be called while the process is small, since each loop begins as its copy.
  static Result<BusyLoops> start(int count);
  BusyLoops(BusyLoops&& other) noexcept;
  BusyLoops& operator=(BusyLoops&&) = delete;
  ~BusyLoops();

  // Both return when all loops have done so.
  Status run();
  Status pause();

  const std::vector<pid_t>& processes() const { return processes_; }

 private:
  BusyLoops() = default;
  Status tell_all(int signal, bool runs);

  std::vector<pid_t> processes_;
};

}  // namespace braid
