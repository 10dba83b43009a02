// What a process tells its group's publisher about images, in each header. Plain data. Tested by image_carrier_test.cc
// and header_exchange_test.cc.
#pragma once

#include <cstdint>

namespace braid {

// Images are numbered from 1 in the order in which the publisher names them. Those up to num_settled are there, or have
// failed and been reported.
struct ImageReport {
  uint64_t num_settled = 0;
  bool has_failed = false;             // number num_settled + 1
  bool may_succeed_elsewhere = false;  // then: it failed for another reason than the image's own

  bool operator==(const ImageReport&) const = default;
};

}  // namespace braid
