// Tested by controller/rank_watch_test.cc and bench/serving/report_test.cc, through its users.
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

namespace braid {

// Of a non-empty list; with two values in the middle, the lower one.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + (std::ssize(values) - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace braid
