// The best speed of a tier's multiply instruction, over all threads. No product can exceed it, however good its kernel.
// Tested by multiply_loops_test.cc.
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
  double from_l1 = 0;  // weights and rows from the first-level cache, as in a product's inner loop
  double from_l2 = 0;  // weights from the second-level cache
};

// For the instruction with which `isa` multiplies `dtype`; takes about `seconds` in all; medians. If the tier has no
// instruction for bfloat16, weights are widened on the way.
MultiplyCeilings measure_multiply_ceilings(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds);

// The same for 8-bit weights and rows, with the best of this machine for the tier (isa.h). Operations of integers.
MultiplyCeilings measure_integer_ceilings(CpuIsa isa, ThreadTeam& team, double seconds);

// The same for 8-bit rows and weights of so few bits that sums of several products fit 16 bits. Where a tier has no
// faster way for these, it has the loops of 8-bit weights.
bool has_loops_of_few_bits(CpuIsa isa);
MultiplyCeilings measure_few_bits_ceilings(CpuIsa isa, ThreadTeam& team, double seconds);

}  // namespace braid
