// The layouts for which tiers have a kernel of their own. Included only by the tiers' files; each gets its own copy
// (matmul_tier.h says why). Tested by kernels/quantized_matmul_test.cc.
#pragma once

#include "braid/kernels/cpu/matmul_tier.h"
#include "braid/kernels/quantized_panels.h"

namespace braid::cpu {
namespace {

// Calls known<kBits, kIsTable, kParts, kOffsets>() for a layout that checkpoints have, and other() for any other.
template <typename Known, typename Other>
MatmulTier with_known_layout(const QuantizedPanels& panels, const Known& known, const Other& other) {
  using Offsets = QuantizedPanels::Offsets;
  const bool is_table = panels.values == QuantizedPanels::Values::kTable;
  const bool is_by_16 = panels.group == 16;
  if (panels.offsets == Offsets::kFixedZero && !is_by_16) {
    if (is_table) return known.template operator()<4, true, 1, Offsets::kFixedZero>();           // IQ4_NL, MXFP4, …
    if (panels.bits == 4) return known.template operator()<4, false, 1, Offsets::kFixedZero>();  // Q4_0, W4A16
    if (panels.bits == 5) return known.template operator()<5, false, 1, Offsets::kFixedZero>();  // Q5_0
    if (panels.bits == 8) return known.template operator()<8, false, 1, Offsets::kFixedZero>();  // Q8_0, W8A8
  } else if (panels.offsets == Offsets::kFixedZero) {
    if (panels.bits == 6 && !is_table) return known.template operator()<6, false, 2, Offsets::kFixedZero>();  // Q6_K
    if (panels.bits == 3) return known.template operator()<3, false, 2, Offsets::kFixedZero>();               // Q3_K
  } else if (panels.offsets == Offsets::kMinimums) {
    if (panels.bits == 4 && !is_by_16) return known.template operator()<4, false, 1, Offsets::kMinimums>();  // Q4_K, …
    if (panels.bits == 5 && !is_by_16) return known.template operator()<5, false, 1, Offsets::kMinimums>();  // Q5_K, …
    if (panels.bits == 2 && is_by_16) return known.template operator()<2, false, 2, Offsets::kMinimums>();   // Q2_K
  } else if (!is_by_16) {
    if (panels.bits == 4) return known.template operator()<4, false, 1, Offsets::kGroupZeros>();  // GPTQ, AWQ
    if (panels.bits == 8) return known.template operator()<8, false, 1, Offsets::kGroupZeros>();  // GPTQ, 8 bits
  }
  return other();
}

}  // namespace
}  // namespace braid::cpu
