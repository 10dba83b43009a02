// Rows rounded to 8 bits, as ActivationBits::k8 defines it, packed for a block of rows. Plain loops that the compiler
// vectorises with the including tier's flags. Included only by the tiers' files; each gets its own copy (matmul_tier.h
// says why). Tested by kernels/quantized_matmul_test.cc.
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

// 32 inputs of a row from `k` on, zeros from `end` on.
inline void load_row_unit(const std::byte* row, bool is_f32, int64_t k, int64_t end, float* x) {
  const int64_t count = at_most(end - k, QuantizedPanels::kUnitK);
  if (count < QuantizedPanels::kUnitK) {
    for (int i = 0; i < QuantizedPanels::kUnitK; ++i) x[i] = 0;
  }
  if (is_f32) {
    __builtin_memcpy(x, row + k * 4, static_cast<size_t>(count * 4));
    return;
  }
  uint16_t halves[QuantizedPanels::kUnitK] = {};
  __builtin_memcpy(halves, row + k * 2, static_cast<size_t>(count * 2));
  for (int i = 0; i < QuantizedPanels::kUnitK; ++i) x[i] = __builtin_bit_cast(float, uint32_t{halves[i]} << 16);
}

// Rounds 32 inputs; returns their scale. No code is beyond ±127: amax · (127 / amax) is less than 127.5.
inline float round_row_unit(const float* x, int32_t* codes) {
  constexpr float kRound = 12582912.0F;  // 1.5 x 2^23: adding it rounds to an integer, to even from the middle
  uint32_t largest = 0;
  for (int i = 0; i < QuantizedPanels::kUnitK; ++i) {
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffU;
    largest = magnitude > largest ? magnitude : largest;
  }
  const float amax = __builtin_bit_cast(float, largest);
  const bool is_finite = largest < 0x7f800000U;
  if (!is_finite || amax < 0x1p-100F) {
    for (int i = 0; i < QuantizedPanels::kUnitK; ++i) codes[i] = 0;
    return is_finite ? 0.0F : __builtin_nanf("");
  }
  const float inverse = 127.0F / amax;
  for (int i = 0; i < QuantizedPanels::kUnitK; ++i) {
    codes[i] = __builtin_bit_cast(int32_t, x[i] * inverse + kRound) - __builtin_bit_cast(int32_t, kRound);
  }
  return amax / 127.0F;
}

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

// Rounds 32 inputs of a row (`x`: null is a row of zeros) from `k` on and writes what RowRecord describes. With
// kEvenFirst each quad of codes has its even k before its odd ones.
template <typename Code, int kParts, QuantizedPanels::Offsets kOffsets, bool kEvenFirst = false>
inline __attribute__((always_inline)) void pack_unit(const std::byte* x, bool is_f32, int64_t k, int64_t end,
                                                     int32_t zero, const PackedUnit& to) {
  using Offsets = QuantizedPanels::Offsets;
  constexpr int kUnitK = QuantizedPanels::kUnitK;
  alignas(64) Code narrow[kUnitK] = {};
  float scale = 0;
  int32_t words[kParts] = {};
  if (x != nullptr) {
    alignas(64) float floats[kUnitK];
    alignas(64) int32_t codes[kUnitK];
    load_row_unit(x, is_f32, k, end, floats);
    scale = round_row_unit(floats, codes);
    for (int i = 0; i < kUnitK; ++i) {
      const int from = kEvenFirst ? i / 4 * 4 + i % 4 / 2 + i % 2 * 2 : i;
      narrow[i] = static_cast<Code>(codes[from]);
    }
    for (int part = 0; part < kParts; ++part) {
      int32_t sum = 0;
      for (int i = 0; i < kUnitK / kParts; ++i) sum += codes[part * (kUnitK / kParts) + i];
      words[part] = kOffsets == Offsets::kFixedZero ? -zero * sum : -sum;
      if (kOffsets == Offsets::kMinimums) words[part] = __builtin_bit_cast(int32_t, scale * static_cast<float>(sum));
    }
  }
  __builtin_memcpy(to.codes, narrow, sizeof(narrow));
  __builtin_memcpy(to.scale, &scale, sizeof(scale));
  for (int part = 0; part < kParts; ++part) __builtin_memcpy(to.words + part * to.words_step, &words[part], 4);
}

// Packs `rows` rows, filled up to packed_rows with zeros: [k/32][packed_rows] records.
template <typename Code, int kParts, QuantizedPanels::Offsets kOffsets, bool kEvenFirst = false>
void pack_records(const RowSource& source, int64_t first, int64_t rows, int64_t packed_rows, int64_t k,
                  std::byte* out) {
  using Record = RowRecord<Code, kParts>;
  const int32_t zero = fixed_zero_of(*source.work.quantized);
  for (int64_t begin = 0; begin < k; begin += QuantizedPanels::kUnitK) {
    for (int64_t row = 0; row < packed_rows; ++row, out += Record::kBytes) {
      pack_unit<Code, kParts, kOffsets, kEvenFirst>(
          row < rows ? source.row(first + row) : nullptr, source.work.x_is_f32, begin, k, zero,
          {.codes = out, .scale = out + Record::kScaleAt, .words = out + Record::kWordsAt, .words_step = 4});
    }
  }
}

}  // namespace
}  // namespace braid::cpu
