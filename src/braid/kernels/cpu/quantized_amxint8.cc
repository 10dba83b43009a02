// Products of quantized weights and 8-bit rows on the hardware's tile registers; up to eight rows take AVX-512 VNNI.
// Tested by kernels/quantized_matmul_test.cc.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/quantized_tiles_inl.h"
#include "braid/kernels/cpu/quantized_vnni_inl.h"

namespace braid::cpu {
namespace {

struct TileTier {
  const QuantizedPanels& panels;
  template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
  MatmulTier operator()() const {
    using Offsets = QuantizedPanels::Offsets;
    using FewRows = VnniKernel<kBits, kIsTable, kParts, kOffsets>;
    if constexpr (kOffsets == Offsets::kMinimums || (kOffsets == Offsets::kGroupZeros && kBits == 8)) {
      return quantized_tier_of<TileKernel<HardwareTiles, FewRows, kParts, kOffsets>>();
    } else {
      if (!fits_signed_bytes(panels)) return tile_tier_of<HardwareTiles>(panels);
      return quantized_tier_of<TileKernel<HardwareTiles, FewRows, kParts, Offsets::kFixedZero>>();
    }
  }
};

}  // namespace

MatmulTier amx_int8(const QuantizedPanels& panels) {
  return with_known_layout(panels, TileTier{panels}, [&] { return tile_tier_of<HardwareTiles>(panels); });
}

}  // namespace braid::cpu
