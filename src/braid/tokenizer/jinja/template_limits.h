// What one rendering of a template may use.
#pragma once

#include <cstdint>

namespace braid {

struct TemplateLimits {
  int64_t max_steps = 10'000'000;  // nodes evaluated
  int64_t max_output_bytes = 64 << 20;
  int64_t max_memory_bytes = 512 << 20;  // held by the values of a rendering at one time
  int32_t max_depth = 1000;              // of nested expressions, blocks and calls
};

}  // namespace braid
