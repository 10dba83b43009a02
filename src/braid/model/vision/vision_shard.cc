#include "braid/model/vision/vision_shard.h"

#include "braid/base/check.h"

namespace braid {

IndexRange VisionShard::range_of(int64_t size, int64_t part) const {
  CHECK(size % num_parts == 0, "{} is not divisible by {}", size, num_parts);
  return {.begin = size / num_parts * part, .end = size / num_parts * (part + 1)};
}

IndexRange VisionShard::own_range(int64_t size) const {
  return {.begin = range_of(size, own.begin).begin, .end = range_of(size, own.end - 1).end};
}

// A merger's inner size is a multiple of the hidden size, and that of the number of heads.
int32_t num_vision_parts(const VisionConfig& config, int32_t group_size) {
  return config.num_heads % group_size == 0 && config.ffn % group_size == 0 ? group_size : 1;
}

}  // namespace braid
