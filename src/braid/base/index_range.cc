#include "braid/base/index_range.h"

#include <algorithm>

namespace braid {

IndexRange split_evenly(int64_t total, int part, int num_parts, int64_t unit) {
  const int64_t units = (total + unit - 1) / unit;
  const int64_t begin = units * part / num_parts;
  const int64_t end = units * (part + 1) / num_parts;
  return {.begin = std::min(begin * unit, total), .end = std::min(end * unit, total)};
}

}  // namespace braid
