// What a DP group's prefix cache has of a prompt, and whether that still holds. The controller chooses groups by it.
#pragma once

#include <cstdint>

namespace braid {

struct PrefixProbe {
  int32_t num_cached_pages = 0;  // the longest available prefix
  int32_t num_held_pages = 0;    // of it, in the widest KV group: held by a sequence, so sharing them takes no page
};

// What the controller has heard of a group's prefix cache, in counts since the start. Between two equal versions no
// probe changes.
struct PrefixVersion {
  uint64_t num_changes = 0;  // digests that changed something
  uint64_t num_held = 0;     // pages of the widest KV group that became held: no num_held_pages has grown by more

  bool operator==(const PrefixVersion&) const = default;
};

}  // namespace braid
