// Products of quantized weights and rounded rows on AVX-512 processors with VNNI. Formats that no checkpoint has take
// the generic kernels. Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_vnni_inl.h"

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

struct VnniTier {
  RowCodes codes;
  template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
  MatmulTier operator()() const {
    return rounded_tier_of<VnniKernel<kBits, kIsTable, kParts, kOffsets>>(codes);
  }
};

}  // namespace

MatmulTier avx512vnni_int8(const QuantizedPanels& panels, RowCodes codes) {
  return with_known_layout(panels, VnniTier{codes}, [&] { return integer_tier_of<Avx512VnniDots>(panels, codes); });
}

}  // namespace braid::cpu
