// The largest value of a row of logits: all that a greedy choice needs. Tested by matmul_max_test.cc.
#pragma once

#include <cstdint>
#include <limits>

namespace braid {

struct RowMax {
  float value = -std::numeric_limits<float>::infinity();
  int32_t index = -1;    // the lowest index with this value; -1 for an empty row, or if no value is above -infinity
  bool has_nan = false;  // a NaN is never the largest
};

}  // namespace braid
