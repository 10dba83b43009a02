// The benchmarks' clock and statistics. Tested by serving/report_test.cc, as the percentiles of a Distribution.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/median.h"

namespace braid {

inline double seconds_of(FunctionRef<void()> work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of an ascending non-empty list, interpolated between the two nearest ranks, like numpy's percentile. `share` is from
// 0 to 1.
inline double percentile(std::span<const double> ascending, double share) {
  const double rank = share * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (ascending[above] - ascending[below]) * (rank - static_cast<double>(below));
}

}  // namespace braid
