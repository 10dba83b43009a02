// What a group's prefix cache has of a prompt: what the controller weighs when it chooses a group.
#pragma once

#include <cstdint>

namespace braid {

struct PrefixProbe {
  int32_t num_cached_pages = 0;  // the longest prefix that it can give
  int32_t num_held_pages = 0;    // pages of it in the widest KV group that a sequence holds: to share these takes none
};

}  // namespace braid
