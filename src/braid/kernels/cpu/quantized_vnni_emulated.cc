// The kernels of AVX-VNNI with vpdpbusd written out: the same indexing and bits, on any processor. Tested by
// kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {
namespace {

struct EmulatedVnniDots {
  using Code = int8_t;
  static constexpr bool kIsUnsigned = true;
  static constexpr int kStepK = 4;
  static constexpr int64_t kBlockRows = 8;
  static inline __attribute__((always_inline)) CodeInts add(CodeInts sums, CodeInts weights, int32_t codes) {
    for (int i = 0; i < 4; ++i) {
      const int32_t code = static_cast<int8_t>((codes >> (8 * i)) & 0xff);
      sums += ((weights >> (8 * i)) & 0xff) * code;
    }
    return sums;
  }
};

}  // namespace

MatmulTier emulated_vnni_int8(const QuantizedPanels& panels, RowCodes codes) {
  return integer_tier_of<EmulatedVnniDots>(panels, codes);
}

}  // namespace braid::cpu
