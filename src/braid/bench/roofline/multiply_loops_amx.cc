// tdpbf16ps and tdpbssd on the hardware's tile registers. Tested by multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_amx_inl.h"
#include "braid/kernels/cpu/amx_tiles.h"

namespace braid::bench {

MultiplyLoops amx_bf16_loops() {
  return tile_loops<cpu::HardwareTiles, Bf16Product>();
}

MultiplyLoops amx_integer_loops() {
  return tile_loops<cpu::HardwareTiles, Int8Product>();
}

}  // namespace braid::bench
