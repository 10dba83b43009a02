// The AMX tier on the hardware's tile registers.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/matmul_amx_kernel.h"

namespace braid::cpu {

MatmulTier amx_bf16() {
  return tier_of<AmxKernel<HardwareTiles>>();
}

}  // namespace braid::cpu
