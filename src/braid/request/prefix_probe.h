// What a DP group's prefix cache has of a prompt. The controller uses it to choose a group.
#pragma once

#include <cstdint>

namespace braid {

struct PrefixProbe {
  int32_t num_cached_pages = 0;  // the longest available prefix
  int32_t num_held_pages =
      0;  // its pages in the widest KV group that a sequence holds: sharing them needs no free pages
};

}  // namespace braid
