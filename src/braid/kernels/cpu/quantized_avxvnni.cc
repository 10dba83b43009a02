// Products of quantized weights and rounded rows on AVX2 processors with AVX-VNNI: vpdpbusd over vectors of 32 bytes.
// Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {
namespace {

struct AvxVnniDots {
  using Code = int8_t;
  static constexpr bool kIsUnsigned = true;
  static constexpr int kStepK = 4;
  static constexpr int64_t kBlockRows = 8;
  static inline __attribute__((always_inline)) CodeInts add(CodeInts sums, CodeInts weights, int32_t codes) {
    return (CodeInts)_mm256_dpbusd_avx_epi32((__m256i)sums, (__m256i)weights, _mm256_set1_epi32(codes));
  }
};

}  // namespace

MatmulTier avxvnni_int8(const QuantizedPanels& panels, RowCodes codes) {
  return integer_tier_of<AvxVnniDots>(panels, codes);
}

}  // namespace braid::cpu
