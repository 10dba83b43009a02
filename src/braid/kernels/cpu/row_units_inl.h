// What the rounding of rows reads and writes: rows in units of 32 k (quantized_rows_inl.h). Included only by the tiers'
// files; each gets its own copy (matmul_tier.h says why). Tested by kernels/rounded_rows_test.cc.
#pragma once

#include "braid/kernels/cpu/matmul_driver.h"
#include "braid/kernels/quantized_panels.h"

namespace braid::cpu {
namespace {

// A unit of 32 k of a row, as a record: its 32 codes, its scale, and for each part of the unit (one, or two of 16 k) a
// word that depends on what the weights have:
//   kFixedZero    -zero · Σ q, with which a sum of products with unsigned codes begins
//   kGroupZeros   -Σ q, for the same
//   kMinimums     scale · Σ q (float32), which multiplies the minimum
template <typename Code, int kParts>
struct RowRecord {
  static constexpr int64_t kScaleAt = 32 * sizeof(Code);
  static constexpr int64_t kWordsAt = kScaleAt + 4;
  static constexpr int64_t kBytes = (kWordsAt + 4 * kParts + 15) / 16 * 16;
};

// 32 inputs of a packed row from `k` on, zeros from `end` on.
struct RowUnit {
  const std::byte* row = nullptr;  // null: all zeros
  bool is_f32 = false;             // else bfloat16
  bool is_second = false;          // codes of what the first ones leave (ActivationBits::k16)
  int64_t k = 0;
  int64_t end = 0;
};

// The rows of a product as they are packed: with two codes for each input the packed rows 2 i and 2 i + 1 are the first
// and the second codes of row i.
class PackedRowSource {
 public:
  // Implicit: the driver passes rows.
  PackedRowSource(const RowSource& rows, bool has_two_codes = false) : rows_(rows), has_two_codes_(has_two_codes) {}

  const PanelWork& work() const { return rows_.work; }
  RowUnit unit(int64_t packed_row, int64_t k, int64_t end) const {
    return {.row = rows_.row(has_two_codes_ ? packed_row / 2 : packed_row),
            .is_f32 = rows_.work.x_is_f32,
            .is_second = has_two_codes_ && packed_row % 2 != 0,
            .k = k,
            .end = end};
  }

 private:
  RowSource rows_;
  bool has_two_codes_;
};

// A unit whose largest input is smaller has zeros for codes and a scale of 0.
constexpr float kLeastLargest = 0x1p-100F;

// A first code leaves half a step, or a whole one where it is 127 instead of 128.
constexpr float kSecondStepsOfFirst = 127;

// The zero that all unsigned codes share.
inline int32_t fixed_zero_of(const QuantizedPanels& panels) {
  return panels.values == QuantizedPanels::Values::kTable ? static_cast<int32_t>(QuantizedPanels::kTableZero)
                                                          : panels.fixed_zero;
}

// Where a row's unit goes.
struct PackedUnit {
  std::byte* codes;
  std::byte* scale;
  std::byte* words;
  int64_t words_step;  // bytes from one part's word to the next one's
};

}  // namespace
}  // namespace braid::cpu
