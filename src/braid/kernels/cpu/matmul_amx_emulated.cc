// The AMX tier's kernel over emulated tile registers: the same indexing and bits, on any processor. Tested by
// kernels/matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles_emulated.h"
#include "braid/kernels/cpu/matmul_amx_kernel.h"

namespace braid::cpu {

MatmulTier emulated_amx_bf16() {
  return tier_of<AmxKernel<EmulatedTiles>>();
}

}  // namespace braid::cpu
