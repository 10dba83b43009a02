// Clock and medians of the benchmarks.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "braid/base/function_ref.h"

namespace braid {

inline double seconds_of(FunctionRef<void()> work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of a non-empty list; the lower one of two in the middle.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace braid
