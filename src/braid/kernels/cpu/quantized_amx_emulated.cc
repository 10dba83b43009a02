// The AMX kernels for quantized weights over emulated tile registers, which also take few rows: the same indexing and
// bits, on any processor. Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles_emulated.h"
#include "braid/kernels/cpu/quantized_tiles_inl.h"

namespace braid::cpu {

MatmulTier emulated_amx_int8(const QuantizedPanels& panels, RowCodes codes) {
  return tile_tier_of<EmulatedTiles>(panels, codes);
}

}  // namespace braid::cpu
