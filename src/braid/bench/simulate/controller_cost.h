// The processor time that a simulated controller takes, by what it does.
#pragma once

#include <algorithm>
#include <ctime>
#include <limits>
#include <vector>

#include "braid/base/function_ref.h"

namespace braid::simulate {

struct ControllerCost {
  double requests_us = 0;  // queued, bound and encoded
  double outputs_us = 0;
  std::vector<double> turns_us;  // those with waiting requests: bound and encoded

  // Of the calling thread, so that other work on the machine matters little; without what looking at the clock takes.
  static double us_of(FunctionRef<void()> work) {
    static const double clock_us = least_between_looks_us();
    const double start_us = now_us();
    work();
    return std::max(0.0, now_us() - start_us - clock_us);
  }

 private:
  static double now_us() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
  }
  static double least_between_looks_us() {
    double least_us = std::numeric_limits<double>::max();
    for (int i = 0; i < 100; ++i) {
      const double start_us = now_us();
      least_us = std::min(least_us, now_us() - start_us);
    }
    return least_us;
  }
};

}  // namespace braid::simulate
