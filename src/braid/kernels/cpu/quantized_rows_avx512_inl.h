// Sixteen units of rows rounded side by side, in vectors of 16 (quantized_rows_inl.h). One after another, each would
// wait for its largest input, an inverse and its sums. Included only by the tiers' files; each gets its own copy
// (matmul_tier.h says why). Tested by kernels/rounded_rows_test.cc and kernels/quantized_matmul_test.cc.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "braid/kernels/cpu/row_units_inl.h"

namespace braid::cpu {
namespace {

constexpr int kUnitsSideBySide = 16;

// The largest lane of each of 16 vectors, as unsigned integers; make(i) is vector i.
template <typename Make>
inline __attribute__((always_inline)) __m512i largest_of_each(const Make& make) {
  __m512i quads[4];  // of vectors 4 i to 4 i + 3, in every 128 bits
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i a = make(4 * i);
    const __m512i b = make(4 * i + 1);
    const __m512i c = make(4 * i + 2);
    const __m512i d = make(4 * i + 3);
    const __m512i ab = _mm512_max_epu32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_max_epu32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    quads[i] = _mm512_max_epu32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  constexpr int kLowLanes = 0x44;
  constexpr int kHighLanes = 0xee;
  constexpr int kEvenLanes = 0x88;
  constexpr int kOddLanes = 0xdd;
  const __m512i left = _mm512_max_epu32(_mm512_shuffle_i64x2(quads[0], quads[1], kLowLanes),
                                        _mm512_shuffle_i64x2(quads[0], quads[1], kHighLanes));
  const __m512i right = _mm512_max_epu32(_mm512_shuffle_i64x2(quads[2], quads[3], kLowLanes),
                                         _mm512_shuffle_i64x2(quads[2], quads[3], kHighLanes));
  return _mm512_max_epu32(_mm512_shuffle_i64x2(left, right, kEvenLanes), _mm512_shuffle_i64x2(left, right, kOddLanes));
}

// Half a unit: 16 inputs.
template <bool kIsF32>
inline __attribute__((always_inline)) __m512 load_half_unit(const std::byte* unit, int half) {
  if constexpr (kIsF32) return _mm512_loadu_ps(reinterpret_cast<const float*>(unit) + half * 16);
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(unit) + half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

// A number's order by magnitude, and of two with one magnitude the positive one is larger; NaNs are larger than all.
inline __attribute__((always_inline)) __m512i magnitude_key(__m512 x) {
  const __m512i flipped = _mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(INT32_MIN));
  return _mm512_rol_epi32(flipped, 1);
}
inline __attribute__((always_inline)) __m512 number_of_key(__m512i key) {
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_ror_epi32(key, 1), _mm512_set1_epi32(INT32_MIN)));
}

// The sums of bytes, less 128, of each part of 16 units. `sums` [8]: for two units those of 8 bytes each, in order.
inline __attribute__((always_inline)) void sum_parts(const __m512i (&sums)[kUnitsSideBySide / 2], __m512i (&parts)[2]) {
  __m512i quads[4];  // of units 4 i to 4 i + 3: a part's sums of units 0 and 2, the other's; those of units 1 and 3
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    quads[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(sums[2 * i], sums[2 * i + 1]),
                                _mm512_unpackhi_epi64(sums[2 * i], sums[2 * i + 1]));
  }
  const __m512i left = _mm512_or_si512(quads[0], _mm512_slli_epi64(quads[1], 32));
  const __m512i right = _mm512_or_si512(quads[2], _mm512_slli_epi64(quads[3], 32));
  const __m512i first = _mm512_setr_epi32(0, 8, 2, 10, 1, 9, 3, 11, 16, 24, 18, 26, 17, 25, 19, 27);
  const __m512i of_bytes = _mm512_set1_epi32(16 * 128);
  parts[0] = _mm512_sub_epi32(_mm512_permutex2var_epi32(left, first, right), of_bytes);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
  parts[1] = _mm512_sub_epi32(_mm512_permutex2var_epi32(left, second, right), of_bytes);
}

// Where 16 units lie and where they go. Units that are cut short, and no units, lie in `filled`.
struct SixteenUnits {
  const std::byte* from[kUnitsSideBySide];
  PackedUnit to[kUnitsSideBySide];
  uint32_t are_second = 0;
  alignas(64) std::byte filled[kUnitsSideBySide][QuantizedPanels::kUnitK * 4];

  inline __attribute__((always_inline)) void set(int i, const RowUnit& unit, const PackedUnit& packed) {
    constexpr int64_t kUnitK = QuantizedPanels::kUnitK;
    const int64_t element_bytes = unit.is_f32 ? 4 : 2;
    from[i] = unit.row + unit.k * element_bytes;
    to[i] = packed;
    are_second |= unit.is_second ? 1U << i : 0U;
    if (unit.row != nullptr && unit.end - unit.k >= kUnitK) return;
    const std::byte* const cut_short = from[i];
    clear(i);
    if (unit.row != nullptr) {
      __builtin_memcpy(filled[i], cut_short, static_cast<size_t>((unit.end - unit.k) * element_bytes));
    }
  }
  void clear(int i) {
    __builtin_memset(filled[i], 0, sizeof(filled[i]));
    from[i] = filled[i];
  }
};

// The scales of units and what their inputs are multiplied with, by the key of their largest inputs. Units that are not
// finite are cleared: they have zeros for codes, and NaN for a scale.
struct UnitScales {
  __m512 scales;
  alignas(64) float inverses[kUnitsSideBySide];

  UnitScales(SixteenUnits& units, __m512i keys) {
    const __m512 largest = number_of_key(keys);
    const __m512i magnitudes = _mm512_srli_epi32(keys, 1);
    const __mmask16 are_finite = _mm512_cmplt_epu32_mask(magnitudes, _mm512_set1_epi32(0x7f800000));
    const __m512i least = _mm512_castps_si512(_mm512_set1_ps(kLeastLargest));
    const __mmask16 have_codes = _mm512_mask_cmpge_epu32_mask(are_finite, magnitudes, least);
    _mm512_store_ps(inverses, _mm512_maskz_div_ps(have_codes, _mm512_set1_ps(-128.0F), largest));
    scales = _mm512_maskz_div_ps(have_codes, largest, _mm512_set1_ps(-128.0F));
    if (units.are_second != 0) {
      scales = _mm512_mask_div_ps(scales, static_cast<__mmask16>(units.are_second), scales,
                                  _mm512_set1_ps(kSecondStepsOfFirst));
    }
    if (are_finite == 0xffff) return;
    scales = _mm512_mask_mov_ps(_mm512_set1_ps(__builtin_nanf("")), are_finite, scales);
    for (int i = 0; i < kUnitsSideBySide; ++i) {
      if ((are_finite >> i & 1) == 0) units.clear(i);
    }
  }
};

// pack_unit() of 16 units.
template <int kParts, QuantizedPanels::Offsets kOffsets, bool kIsF32>
inline void pack_16_units(SixteenUnits& units, int32_t zero) {
  using Offsets = QuantizedPanels::Offsets;
  const UnitScales of_units(units, largest_of_each([&](int i) __attribute__((always_inline)) {
                              return _mm512_max_epu32(magnitude_key(load_half_unit<kIsF32>(units.from[i], 0)),
                                                      magnitude_key(load_half_unit<kIsF32>(units.from[i], 1)));
                            }));

  // Codes are rounded to even from the middle, and saturated.
  const auto codes_of = [&](int i, int half) __attribute__((always_inline)) {
    const __m512 scaled =
        _mm512_mul_ps(load_half_unit<kIsF32>(units.from[i], half), _mm512_set1_ps(of_units.inverses[i]));
    const __m512i codes = _mm512_cvtps_epi32(scaled);
    if ((units.are_second >> i & 1) == 0) return codes;
    const __m512 of_first = _mm512_cvtepi32_ps(_mm512_min_epi32(codes, _mm512_set1_epi32(127)));
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_sub_ps(scaled, of_first), _mm512_set1_ps(kSecondStepsOfFirst)));
  };
  // In each 128 bits four codes of a unit, the unit's 16 further on, and the same of the other unit.
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i sums[kUnitsSideBySide / 2];
#pragma GCC unroll 8
  for (int i = 0; i < kUnitsSideBySide; i += 2) {
    const __m512i own = _mm512_packs_epi32(codes_of(i, 0), codes_of(i, 1));
    const __m512i other = _mm512_packs_epi32(codes_of(i + 1, 0), codes_of(i + 1, 1));
    const __m512i codes = _mm512_permutexvar_epi32(in_order, _mm512_packs_epi16(own, other));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(units.to[i].codes), _mm512_castsi512_si256(codes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(units.to[i + 1].codes), _mm512_extracti64x4_epi64(codes, 1));
    sums[i / 2] = _mm512_sad_epu8(_mm512_xor_si512(codes, _mm512_set1_epi8(-128)), _mm512_setzero_si512());
  }

  __m512i parts[2];
  sum_parts(sums, parts);
  if constexpr (kParts == 1) parts[0] = _mm512_add_epi32(parts[0], parts[1]);
  alignas(64) float scales[kUnitsSideBySide];
  alignas(64) int32_t words[kParts][kUnitsSideBySide];
  _mm512_store_ps(scales, of_units.scales);
#pragma GCC unroll 2
  for (int part = 0; part < kParts; ++part) {
    __m512i word = _mm512_sub_epi32(_mm512_setzero_si512(), parts[part]);
    if constexpr (kOffsets == Offsets::kFixedZero) word = _mm512_mullo_epi32(word, _mm512_set1_epi32(zero));
    if constexpr (kOffsets == Offsets::kMinimums) {
      word = _mm512_castps_si512(_mm512_mul_ps(of_units.scales, _mm512_cvtepi32_ps(parts[part])));
    }
    _mm512_store_si512(words[part], word);
  }
  for (int i = 0; i < kUnitsSideBySide; ++i) {
    __builtin_memcpy(units.to[i].scale, &scales[i], 4);
    for (int part = 0; part < kParts; ++part) {
      __builtin_memcpy(units.to[i].words + part * units.to[i].words_step, &words[part][i], 4);
    }
  }
}

// pack_unit() of units that come one after another, 16 at a time.
template <int kParts, QuantizedPanels::Offsets kOffsets>
class UnitsInTurn {
 public:
  UnitsInTurn(bool is_f32, int32_t zero) : is_f32_(is_f32), zero_(zero) {}

  inline __attribute__((always_inline)) void add(const RowUnit& unit, const PackedUnit& to) {
    units_.set(count_, unit, to);
    if (++count_ == kUnitsSideBySide) pack();
  }
  void finish() {
    if (count_ == 0) return;
    std::byte nowhere[32 + 4 + 4 * kParts];
    const PackedUnit to = {.codes = nowhere, .scale = nowhere + 32, .words = nowhere + 36, .words_step = 4};
    while (count_ < kUnitsSideBySide) units_.set(count_++, {}, to);
    pack();
  }

 private:
  void pack() {
    if (is_f32_) {
      pack_16_units<kParts, kOffsets, true>(units_, zero_);
    } else {
      pack_16_units<kParts, kOffsets, false>(units_, zero_);
    }
    count_ = 0;
    units_.are_second = 0;
  }

  const bool is_f32_;
  const int32_t zero_;
  int count_ = 0;
  SixteenUnits units_;
};

}  // namespace
}  // namespace braid::cpu
