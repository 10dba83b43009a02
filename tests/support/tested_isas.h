// The kernel tiers that tests of whole models use.
#pragma once

#include <vector>

#include "braid/kernels/isa.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

// Every tier of this processor. Under sanitizers the best one: the tests of the kernels themselves run every tier under
// AddressSanitizer, and threads do the same in all of them.
inline std::vector<CpuIsa> tested_isas() {
  return kUnderSanitizer ? std::vector{available_isas().back()} : available_isas();
}

}  // namespace braid::testing
