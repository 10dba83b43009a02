// What one image may cost. All limits are checked against the header, before memory is allocated. Tested by
// image_header_test.cc.
#pragma once

#include <cstdint>

namespace braid {

struct ImageLimits {
  int64_t max_bytes = int64_t{32} << 20;   // as sent
  int64_t max_pixels = int64_t{64} << 20;  // 192 MB once decoded
  int32_t max_side = 32'768;               // pixels
};

}  // namespace braid
