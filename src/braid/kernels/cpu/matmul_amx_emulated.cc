// The AMX tier's kernel over emulated tile registers: the same indexing and bits, on any processor. Tested by
// kernels/matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles_emulated.h"
#include "braid/kernels/cpu/matmul_amx_kernel.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {

FloatTiers emulated_amx_bf16() {
  using Kernel = AmxKernel<EmulatedTiles>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

}  // namespace braid::cpu
