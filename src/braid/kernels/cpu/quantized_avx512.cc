// Products of quantized weights and rounded rows on AVX-512 without VNNI: vpmaddwd over pairs of 16 bits. Tested by
// kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {

MatmulTier avx512_int8(const QuantizedPanels& panels, RowCodes codes) {
  return integer_tier_of<PairDots>(panels, codes);
}

}  // namespace braid::cpu
