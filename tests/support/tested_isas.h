// The kernel tiers that tests of whole models run.
#pragma once

#include <vector>

#include "braid/kernels/isa.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

// Every tier of this processor, but only the best under sanitizers: the kernels' own tests run every tier under
// AddressSanitizer, and threads do the same in all tiers.
inline std::vector<CpuIsa> tested_isas() {
  return kUnderSanitizer ? std::vector{available_isas().back()} : available_isas();
}

}  // namespace braid::testing
