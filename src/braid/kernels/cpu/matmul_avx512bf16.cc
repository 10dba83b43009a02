// The AVX-512 kernel for bfloat16 with vdpbf16ps. Tested by kernels/matmul_test.cc.
#include "braid/kernels/cpu/matmul_avx512bf16_inl.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {

FloatTiers avx512_bf16() {
  using Kernel = Avx512Kernel<DotStep>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

}  // namespace braid::cpu
