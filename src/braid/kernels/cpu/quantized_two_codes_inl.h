// Rows with two codes of 8 bits for each input (ActivationBits::k16), with the kernels for rows of one: a row is packed
// as two rows, and their sums are added. Included only by the tiers' files; each gets its own copy (matmul_tier.h says
// why). Tested by kernels/quantized_matmul_test.cc.
#pragma once

#include "braid/kernels/cpu/quantized_driver.h"
#include "braid/kernels/cpu/quantized_rows_inl.h"

namespace braid::cpu {
namespace {

template <typename Kernel>
class TwoCodes : public Kernel {
 public:
  static constexpr int64_t kBlockRows = Kernel::kBlockRows / 2;
  static constexpr int64_t kPackedBytes = Kernel::kPackedBytes / 2;
  static constexpr int64_t kAloneRows = Kernel::kAloneRows / 2;

  explicit TwoCodes(int64_t rows) : Kernel(2 * rows) {}
  static int64_t panels_at_once(int64_t rows) { return Kernel::panels_at_once(2 * rows); }
  static int64_t packed_rows(int64_t rows) { return Kernel::packed_rows(2 * rows); }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    Kernel::pack(PackedRowSource(source, true), 2 * first, 2 * rows, k, out);
  }
  void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums, bool resume,
                const Prefetch& prefetch) {
    Kernel::multiply(2 * rows, a, stretch, k, sums, resume, prefetch);
  }
  static void multiply_alone(int64_t rows, const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w,
                             int64_t count, int64_t k, float* sums) {
    Kernel::multiply_alone(2 * rows, a, panels, w, count, k, sums);
  }
  static void join_codes(int64_t rows, float* sums) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* both = sums + 2 * row * kPanelCols;
      for (int64_t i = 0; i < kPanelCols; ++i) sums[row * kPanelCols + i] = both[i] + both[kPanelCols + i];
    }
  }
};

template <typename Kernel>
MatmulTier rounded_tier_of(RowCodes codes) {
  return codes == RowCodes::kTwo ? quantized_tier_of<TwoCodes<Kernel>>() : quantized_tier_of<Kernel>();
}

}  // namespace
}  // namespace braid::cpu
