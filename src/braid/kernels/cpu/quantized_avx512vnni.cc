// Products of quantized weights and 8-bit rows on AVX-512 processors with VNNI: vpdpbusd over vectors of 64 bytes.
// Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {
namespace {

struct Avx512VnniDots {
  using Code = int8_t;
  static constexpr bool kIsUnsigned = true;
  static constexpr int kStepK = 4;
  static constexpr int64_t kBlockRows = 8;
  static inline __attribute__((always_inline)) CodeInts add(CodeInts sums, CodeInts weights, int32_t codes) {
    return (CodeInts)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)weights, _mm512_set1_epi32(codes));
  }
};

}  // namespace

MatmulTier avx512vnni_int8(const QuantizedPanels& panels) {
  return integer_tier_of<Avx512VnniDots>(panels);
}

}  // namespace braid::cpu
