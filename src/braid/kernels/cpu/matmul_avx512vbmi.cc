// E4M3 weights times rows of bfloat16 on processors of avx512_bf16 that have VBMI: 64 codes at once are looked up in a
// table of their products with a scale. Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/matmul_avx512bf16_inl.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {
namespace {

using WidenedKernel = WideningKernel<Avx512Kernel<DotStep>, Bf16Layout>;

struct E4m3Kernel : WidenedKernel {
  using WidenedKernel::WidenedKernel;
  static void expand(const QuantizedStretch& stretch) {
    widen_e4m3<Bf16Layout>(stretch.panels, stretch.panel, stretch.unit, stretch.units, stretch.expanded);
  }
};

}  // namespace

MatmulTier avx512vbmi_e4m3() {
  return quantized_tier_of<E4m3Kernel>();
}

}  // namespace braid::cpu
