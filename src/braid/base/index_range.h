// Half-open ranges of indices, and dividing work into them.
#pragma once

#include <cstdint>

namespace braid {

struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Part `part` of [0, total) in `num_parts` parts of about equal length, cut at multiples of `unit`.
IndexRange split_evenly(int64_t total, int part, int num_parts, int64_t unit = 1);

}  // namespace braid
