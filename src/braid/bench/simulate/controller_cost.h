// The processor time that a simulated controller takes, by what it does.
#pragma once

#include <ctime>
#include <vector>

#include "braid/base/function_ref.h"

namespace braid::simulate {

struct ControllerCost {
  double requests_us = 0;  // queued, bound and encoded
  double outputs_us = 0;
  std::vector<double> turns_us;  // those with waiting requests: bound and encoded

  // Of the calling thread, so that other work on the machine matters little.
  static double us_of(FunctionRef<void()> work) {
    const double start_us = now_us();
    work();
    return now_us() - start_us;
  }

 private:
  static double now_us() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
  }
};

}  // namespace braid::simulate
