// The tiers of kernels that a test of whole models goes through.
#pragma once

#include <vector>

#include "braid/kernels/isa.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

// All that this processor has. Their threads do the same, so one of them is enough for ThreadSanitizer.
inline std::vector<CpuIsa> tested_isas() {
  return kUnderThreadSanitizer ? std::vector{available_isas().back()} : available_isas();
}

}  // namespace braid::testing
