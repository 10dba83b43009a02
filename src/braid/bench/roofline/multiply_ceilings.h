// What a tier's multiply instruction gives at best, by all threads: a product stays below it, however good its kernel.
#pragma once

#include <string>

#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/tensor/dtype.h"

namespace braid {

// Floating-point operations a second.
struct MultiplyCeilings {
  std::string instruction;
  double from_registers = 0;
  double from_l1 = 0;  // weights from the first-level cache, rows too, as a product's inner loop takes them
  double from_l2 = 0;  // weights from the second-level cache
};

// Of the instruction that `isa` multiplies `dtype` with; about `seconds` in all, medians. Weights in bfloat16 are
// widened on the way where the tier has no instruction for them.
MultiplyCeilings measure_multiply_ceilings(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds);

}  // namespace braid
