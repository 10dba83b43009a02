// Products of quantized weights and rounded rows on any processor: pairs of 16 bits in vectors of 16 bytes. Tested by
// kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {

MatmulTier portable_int8(const QuantizedPanels& panels, RowCodes codes) {
  return integer_tier_of<PairDots>(panels, codes);
}

}  // namespace braid::cpu
