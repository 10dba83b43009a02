// Products of quantized weights and rounded rows on the hardware's tile registers; up to eight rows take AVX-512 VNNI.
// Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/quantized_tiles_inl.h"
#include "braid/kernels/cpu/quantized_vnni_inl.h"

namespace braid::cpu {
namespace {

struct TileTier {
  const QuantizedPanels& panels;
  RowCodes codes;
  template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
  MatmulTier operator()() const {
    using Offsets = QuantizedPanels::Offsets;
    using FewRows = VnniKernel<kBits, kIsTable, kParts, kOffsets>;
    if constexpr (kOffsets == Offsets::kMinimums || (kOffsets == Offsets::kGroupZeros && kBits == 8)) {
      return rounded_tier_of<TileKernel<HardwareTiles, FewRows, kParts, kOffsets>>(codes);
    } else {
      if (!fits_signed_bytes(panels)) return tile_tier_of<HardwareTiles>(panels, codes);
      return rounded_tier_of<TileKernel<HardwareTiles, FewRows, kParts, Offsets::kFixedZero>>(codes);
    }
  }
};

}  // namespace

MatmulTier amx_int8(const QuantizedPanels& panels, RowCodes codes) {
  return with_known_layout(panels, TileTier{panels, codes}, [&] { return tile_tier_of<HardwareTiles>(panels, codes); });
}

}  // namespace braid::cpu
