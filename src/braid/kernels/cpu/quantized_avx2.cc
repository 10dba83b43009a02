// Products of quantized weights and 8-bit rows on AVX2: vpmaddwd over pairs of 16 bits, which cannot saturate as
// vpmaddubsw does. Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {

MatmulTier avx2_int8(const QuantizedPanels& panels) {
  return integer_tier_of<PairDots>(panels);
}

}  // namespace braid::cpu
