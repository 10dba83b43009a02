// What a DP group's prefix cache has of a prompt. The controller uses it to choose a group.
#pragma once

#include <cstdint>

namespace braid {

struct PrefixProbe {
  int32_t num_cached_pages = 0;  // the longest available prefix
  int32_t num_held_pages = 0;    // of it, in the widest KV group: held by a sequence, so sharing them takes no page
};

}  // namespace braid
