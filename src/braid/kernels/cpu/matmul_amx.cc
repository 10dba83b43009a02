// The AMX tier on the hardware's tile registers. Tested by kernels/matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/matmul_amx_kernel.h"

namespace braid::cpu {

MatmulTier amx_bf16() {
  return tier_of<AmxKernel<HardwareTiles>>();
}

}  // namespace braid::cpu
