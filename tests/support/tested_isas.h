// The kernel tiers that tests of whole models use.
#pragma once

#include <vector>

#include "braid/kernels/isa.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

// All tiers of this processor. All have the same threading, so ThreadSanitizer needs only one.
inline std::vector<CpuIsa> tested_isas() {
  return kUnderThreadSanitizer ? std::vector{available_isas().back()} : available_isas();
}

}  // namespace braid::testing
