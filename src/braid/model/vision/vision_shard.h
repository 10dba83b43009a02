// Which part of a vision tower a process has. Attention heads, the inner sizes of feed-forward blocks and those of
// mergers are split into as many parts as a DP group has ranks, if that divides them. A product whose inputs are split
// is the sum of its parts in their order, wherever they are: one process with all parts computes the bits of several
// with some. Tested by vision_shard_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/index_range.h"
#include "braid/config/vision_config.h"

namespace braid {

struct VisionShard {
  int32_t num_parts = 1;
  IndexRange own{.begin = 0, .end = 1};  // of the parts

  int32_t num_own() const { return static_cast<int32_t>(own.end - own.begin); }
  bool is_whole() const { return num_own() == num_parts; }

  // Of a size that num_parts divides: a part's range, and that of all own parts.
  IndexRange range_of(int64_t size, int64_t part) const;
  IndexRange own_range(int64_t size) const;
  int64_t own_size(int64_t size) const { return size / num_parts * num_own(); }
};

// As many as a group has ranks if they divide all that is split, else 1.
int32_t num_vision_parts(const VisionConfig& config, int32_t group_size);

}  // namespace braid
