// Time for benchmarks and statistics. No decision of a step depends on it.
#pragma once

#include <chrono>

namespace braid {

inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace braid
