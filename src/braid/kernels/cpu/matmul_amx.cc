// The AMX tier on the hardware's tile registers. Tested by kernels/matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/matmul_amx_kernel.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {

FloatTiers amx_bf16() {
  using Kernel = AmxKernel<HardwareTiles>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

}  // namespace braid::cpu
