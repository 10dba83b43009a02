// Where a panel of quantized weights (PackedMatrix) has its parts, as plain numbers that every tier's kernels read.
// Tested by kernels/quantized_packing_test.cc.
//
// Tiers' files include this one, so there are no functions (kernels/cpu/matmul_tier.h says why).
//
// A panel is 32 output columns, one contiguous stream. First come the scales, then zeros or minimums, then the codes;
// each part has the panel's whole k, in order of k, and begins at a multiple of 64 bytes:
//   scales      [groups][32] in their own type. Two levels: [groups][32] bytes, then [super-groups][32] float16
//   zeros       [groups][32] bytes
//   minimums    in the form of the scales; sub-minimums of 6 bits: [groups / 2][32] bytes, then their super-minimums
//   codes       [units of 32 k][2 halves of 16 columns][64 bytes x bits]
// Sub-scales of 4 bits share a byte with their sub-minimum (its high half). Those of 6 bits share it with their
// sub-minimum's two highest bits; its other four are in the minimums' part, where an even group has the low half of a
// byte and the next one the high half. So each group takes 12 bits, as in a GGUF file.
//
// The codes of a half, 16 columns and 32 k, are lines of 64 bytes. As bytes they are 8 lines: byte 4 c + i of line j is
// column c at k = 4 j + i, as vpdpbusd reads it. Fewer bits are stored as planes of those 8 lines:
//   8 bits           the 8 lines
//   nibbles          4 lines; line i has lines i and i + 4 as the low and high halves of its bytes
//   crumbs (2 bits)  2 lines; line i has lines 4 i … 4 i + 3, from the lowest bits up
//   single bits      1 line; bit j of its bytes is line j
// 4 bits are nibbles, 5 nibbles and single bits, 6 nibbles and crumbs, 2 crumbs, 3 crumbs and single bits.
#pragma once

#include <cstdint>

namespace braid {

struct QuantizedPanels {
  static constexpr int64_t kPanelCols = 32;
  static constexpr int64_t kUnitK = 32;
  static constexpr int64_t kTableZero = 128;  // what kernels add to a table's values to have unsigned bytes

  enum class Values : uint8_t { kInteger, kTable, kE4m3 };
  enum class Scales : uint8_t { kFloat16, kBFloat16, kFloat32, kE8m0, kTwoLevelsU6, kTwoLevelsS8, kTwoLevelsU4 };
  enum class Offsets : uint8_t { kFixedZero, kGroupZeros, kMinimums };

  Values values = Values::kInteger;
  Scales scales = Scales::kFloat16;
  Offsets offsets = Offsets::kFixedZero;
  int32_t bits = 4;
  int32_t fixed_zero = 0;
  int8_t table[16] = {};
  float table_unit = 1.0F;  // a power of two
  bool has_two_levels = false;
  int64_t half_bytes = 0;  // codes of 32 k and 16 columns
  int64_t unit_bytes = 0;  // and 32 columns
  int64_t k = 0;
  int64_t units = 0;  // of 32 k, the last one filled up with codes of 0
  int64_t group = 32;
  int64_t groups = 0;
  int64_t super_group = 0;
  int64_t super_groups = 0;
  // Bytes from a panel's beginning; 0 where there is no such part, too.
  int64_t scales_at = 0;
  int64_t super_scales_at = 0;
  int64_t zeros_at = 0;
  int64_t minimums_at = 0;
  int64_t super_minimums_at = 0;
  int64_t codes_at = 0;
  int64_t panel_bytes = 0;
};

}  // namespace braid
