// What --kv-rebalance has done, for metrics and the log.
#pragma once

#include <cstdint>

#include "braid/request/ids.h"

namespace braid {

// Requests that one group gave to others and took from them, since the start.
struct GroupMoves {
  uint64_t num_given = 0;
  uint64_t num_taken = 0;

  bool operator==(const GroupMoves&) const = default;
};

// One of them.
struct MoveReport {
  RequestId request = 0;
  int32_t from_group = 0;
  int32_t to_group = 0;
  int64_t num_tokens = 0;
  int32_t num_pages = 0;  // that went with it; 0: it waited for some where it was
};

}  // namespace braid
