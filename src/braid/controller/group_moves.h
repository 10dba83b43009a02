// Moves that --kv-rebalance has made, and copies that --share-prefixes has, for metrics and the log.
#pragma once

#include <cstdint>

#include "braid/request/ids.h"

namespace braid {

// Requests that left one group for others and that came to it from others, since the start.
struct GroupMoves {
  uint64_t num_given = 0;
  uint64_t num_taken = 0;
  uint64_t num_given_tokens = 0;  // of those that left, without those that were waiting for pages
  // Prefixes of which other groups got a copy, and those that this one got.
  uint64_t num_prefixes_given = 0;
  uint64_t num_prefixes_taken = 0;
  uint64_t num_prefix_tokens_taken = 0;
  uint64_t num_prefixes_gone = 0;  // asked of this group, which had evicted them

  bool operator==(const GroupMoves&) const = default;
};

// One move, or one copy.
struct MoveReport {
  RequestId request = 0;
  int32_t from_group = 0;
  int32_t to_group = 0;
  int64_t num_tokens = 0;
  int32_t num_pages = 0;   // moved with it; 0: it was waiting for pages
  bool is_prefix = false;  // a copy of its prefix, which stays where it was
};

}  // namespace braid
