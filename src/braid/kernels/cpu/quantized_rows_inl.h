// Rows rounded to codes of 8 bits, as ActivationBits::k8 and k16 define it, packed for a block of rows: 16 units at a
// time with AVX-512 (quantized_rows_avx512_inl.h), else in vectors of 8 or plain loops. Included only by the tiers'
// files; each gets its own copy (matmul_tier.h says why). Tested by kernels/rounded_rows_test.cc and
// kernels/quantized_matmul_test.cc.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "braid/base/index_range.h"
#include "braid/kernels/cpu/row_units_inl.h"
#if defined(__AVX512BW__)
#include "braid/kernels/cpu/quantized_rows_avx512_inl.h"
#endif

namespace braid::cpu {
namespace {

// Rounds a unit: writes its codes and the sum of each part's, and returns the scale. With kEvenFirst each quad of codes
// has its even k before its odd ones. No code is below -128: amax · (128 / amax) is less than 128.5.
#if defined(__AVX2__)
inline __attribute__((always_inline)) __m256 load_row_floats(const std::byte* from, bool is_f32, int index) {
  if (is_f32) return _mm256_loadu_ps(reinterpret_cast<const float*>(from) + index * 8);
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + index);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

inline __attribute__((always_inline)) int32_t sum_lanes(__m256i lanes) {
  __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_shuffle_epi32(sums, _MM_SHUFFLE(2, 3, 0, 1))));
}

inline __attribute__((always_inline)) uint32_t largest_lane(__m256i lanes) {
  __m128i most = _mm_max_epu32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  most = _mm_max_epu32(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(1, 0, 3, 2)));
  return static_cast<uint32_t>(
      _mm_cvtsi128_si32(_mm_max_epu32(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(2, 3, 0, 1)))));
}

// Small matrices take so little time that loops which the compiler vectorises would be a fifth of it.
template <typename Code, int kParts, bool kEvenFirst>
inline __attribute__((always_inline)) float round_unit(const RowUnit& unit, Code* codes, int32_t (&sums)[kParts]) {
  constexpr int64_t kUnitK = QuantizedPanels::kUnitK;
  const int64_t element_bytes = unit.is_f32 ? 4 : 2;
  const std::byte* from = unit.row + unit.k * element_bytes;
  std::byte tail[kUnitK * 4] = {};
  if (unit.end - unit.k < kUnitK) {
    __builtin_memcpy(tail, from, static_cast<size_t>((unit.end - unit.k) * element_bytes));
    from = tail;
  }
  __m256 x[4];
  __m256i largest = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = load_row_floats(from, unit.is_f32, i);
    const __m256i magnitudes = _mm256_and_si256(_mm256_castps_si256(x[i]), _mm256_set1_epi32(0x7fffffff));
    largest = _mm256_max_epu32(largest, magnitudes);
  }
  const uint32_t bits = largest_lane(largest);
  const float amax = __builtin_bit_cast(float, bits);
  const bool is_finite = bits < 0x7f800000U;
  if (!is_finite || amax < kLeastLargest) {
    __builtin_memset(codes, 0, kUnitK * sizeof(Code));
    for (int32_t& sum : sums) sum = 0;
    return is_finite ? 0.0F : __builtin_nanf("");
  }
  __m256i are_amax = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (const __m256& values : x) {
    const __m256i equal = _mm256_cmpeq_epi32(_mm256_castps_si256(values), _mm256_set1_epi32(static_cast<int>(bits)));
    are_amax = _mm256_or_si256(are_amax, equal);
  }
  const float largest_value = _mm256_testz_si256(are_amax, are_amax) != 0 ? -amax : amax;
  const __m256 inverse = _mm256_set1_ps(-128.0F / largest_value);
  __m256i rounded[4];  // to even from the middle
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256 scaled = _mm256_mul_ps(x[i], inverse);
    rounded[i] = _mm256_cvtps_epi32(scaled);
    if (unit.is_second) {
      const __m256 codes_of_first = _mm256_cvtepi32_ps(_mm256_min_epi32(rounded[i], _mm256_set1_epi32(127)));
      const __m256 rest = _mm256_sub_ps(scaled, codes_of_first);
      rounded[i] = _mm256_cvtps_epi32(_mm256_mul_ps(rest, _mm256_set1_ps(kSecondStepsOfFirst)));
    }
  }
  if constexpr (kEvenFirst) {
#pragma GCC unroll 4
    for (__m256i& quads : rounded) quads = _mm256_shuffle_epi32(quads, _MM_SHUFFLE(3, 1, 2, 0));
  }
  const __m256i highest = _mm256_set1_epi16(127);
  const __m256i low = _mm256_min_epi16(_mm256_packs_epi32(rounded[0], rounded[1]), highest);
  const __m256i high = _mm256_min_epi16(_mm256_packs_epi32(rounded[2], rounded[3]), highest);
  const __m256i first = _mm256_madd_epi16(low, _mm256_set1_epi16(1));
  const __m256i second = _mm256_madd_epi16(high, _mm256_set1_epi16(1));
  if constexpr (kParts == 1) {
    sums[0] = sum_lanes(_mm256_add_epi32(first, second));
  } else {
    sums[0] = sum_lanes(first);
    sums[1] = sum_lanes(second);
  }
  auto* to = reinterpret_cast<__m256i*>(codes);
  if constexpr (sizeof(Code) == 1) {
    const __m256i quads = _mm256_packs_epi16(low, high);
    _mm256_storeu_si256(to, _mm256_permutevar8x32_epi32(quads, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
  } else {
    _mm256_storeu_si256(to, _mm256_permute4x64_epi64(low, _MM_SHUFFLE(3, 1, 2, 0)));
    _mm256_storeu_si256(to + 1, _mm256_permute4x64_epi64(high, _MM_SHUFFLE(3, 1, 2, 0)));
  }
  const float scale = largest_value / -128.0F;
  return unit.is_second ? scale / kSecondStepsOfFirst : scale;
}
#else
template <typename Code, int kParts, bool kEvenFirst>
inline float round_unit(const RowUnit& unit, Code* codes, int32_t (&sums)[kParts]) {
  constexpr int kUnitK = QuantizedPanels::kUnitK;
  constexpr float kRound = 12582912.0F;  // 1.5 x 2^23: adding it rounds to an integer, to even from the middle
  const int64_t count = at_most(unit.end - unit.k, kUnitK);
  float x[kUnitK] = {};
  if (unit.is_f32) {
    __builtin_memcpy(x, unit.row + unit.k * 4, static_cast<size_t>(count * 4));
  } else {
    uint16_t halves[kUnitK] = {};
    __builtin_memcpy(halves, unit.row + unit.k * 2, static_cast<size_t>(count * 2));
    for (int i = 0; i < kUnitK; ++i) x[i] = __builtin_bit_cast(float, uint32_t{halves[i]} << 16);
  }
  uint32_t largest = 0;
  for (int i = 0; i < kUnitK; ++i) {
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffU;
    largest = magnitude > largest ? magnitude : largest;
  }
  const float amax = __builtin_bit_cast(float, largest);
  float largest_value = -amax;
  for (int i = 0; i < kUnitK; ++i) largest_value = x[i] == amax ? amax : largest_value;
  const bool is_finite = largest < 0x7f800000U;
  const bool is_zero = !is_finite || amax < kLeastLargest;
  const float inverse = is_zero ? 0.0F : -128.0F / largest_value;
  int32_t rounded[kUnitK] = {};
  if (!is_zero) {
    for (int i = 0; i < kUnitK; ++i) {
      float steps = x[i] * inverse;
      if (unit.is_second) {
        const float of_first = steps + kRound - kRound;
        steps = (steps - (of_first < 127 ? of_first : 127)) * kSecondStepsOfFirst;
      }
      const int32_t code = __builtin_bit_cast(int32_t, steps + kRound) - __builtin_bit_cast(int32_t, kRound);
      rounded[i] = code < 127 ? code : 127;
    }
  }
  for (int i = 0; i < kUnitK; ++i) {
    const int from = kEvenFirst ? i / 4 * 4 + i % 4 / 2 + i % 2 * 2 : i;
    codes[i] = static_cast<Code>(rounded[from]);
  }
  for (int part = 0; part < kParts; ++part) {
    sums[part] = 0;
    for (int i = 0; i < kUnitK / kParts; ++i) sums[part] += rounded[part * (kUnitK / kParts) + i];
  }
  if (!is_finite) return __builtin_nanf("");
  if (is_zero) return 0.0F;
  const float scale = largest_value / -128.0F;
  return unit.is_second ? scale / kSecondStepsOfFirst : scale;
}
#endif

// Rounds a unit and writes what RowRecord describes.
template <typename Code, int kParts, QuantizedPanels::Offsets kOffsets, bool kEvenFirst = false>
inline __attribute__((always_inline)) void pack_unit(const RowUnit& unit, int32_t zero, const PackedUnit& to) {
  using Offsets = QuantizedPanels::Offsets;
  alignas(64) Code codes[QuantizedPanels::kUnitK] = {};
  float scale = 0;
  int32_t words[kParts] = {};
  if (unit.row != nullptr) {
    scale = round_unit<Code, kParts, kEvenFirst>(unit, codes, words);
    for (int32_t& word : words) {
      const int32_t sum = word;
      word = kOffsets == Offsets::kFixedZero ? -zero * sum : -sum;
      if (kOffsets == Offsets::kMinimums) word = __builtin_bit_cast(int32_t, scale * static_cast<float>(sum));
    }
  }
  __builtin_memcpy(to.codes, codes, sizeof(codes));
  __builtin_memcpy(to.scale, &scale, sizeof(scale));
  for (int part = 0; part < kParts; ++part) __builtin_memcpy(to.words + part * to.words_step, &words[part], 4);
}

// Rounds `rows` packed rows, filled up to `padded_rows` with zeros. place(k, row) is where a unit goes.
template <typename Code, int kParts, QuantizedPanels::Offsets kOffsets, bool kEvenFirst = false, typename Place>
inline void pack_units(const PackedRowSource& source, IndexRange rows, int64_t padded_rows, int64_t k,
                       const Place& place) {
  const int32_t zero = fixed_zero_of(*source.work().quantized);
  const auto for_each = [&](const auto& pack) {
    for (int64_t begin = 0; begin < k; begin += QuantizedPanels::kUnitK) {
      for (int64_t i = 0; i < padded_rows; ++i) {
        const int64_t row = rows.begin + i;
        pack(row < rows.end ? source.unit(row, begin, k) : RowUnit(), place(begin, i));
      }
    }
  };
#if defined(__AVX512BW__)
  if constexpr (sizeof(Code) == 1 && !kEvenFirst) {
    UnitsInTurn<kParts, kOffsets> units(source.work().x_is_f32, zero);
    for_each([&](const RowUnit& unit, const PackedUnit& to) { units.add(unit, to); });
    return units.finish();
  }
#endif
  for_each([&](const RowUnit& unit, const PackedUnit& to) {
    pack_unit<Code, kParts, kOffsets, kEvenFirst>(unit, zero, to);
  });
}

// The same as records: [k/32][padded_rows].
template <typename Code, int kParts, QuantizedPanels::Offsets kOffsets, bool kEvenFirst = false>
void pack_records(const PackedRowSource& source, int64_t first, int64_t rows, int64_t padded_rows, int64_t k,
                  std::byte* out) {
  using Record = RowRecord<Code, kParts>;
  pack_units<Code, kParts, kOffsets, kEvenFirst>(
      source, {.begin = first, .end = first + rows}, padded_rows, k, [&](int64_t at, int64_t row) -> PackedUnit {
        std::byte* const record = out + (at / QuantizedPanels::kUnitK * padded_rows + row) * Record::kBytes;
        return {
            .codes = record, .scale = record + Record::kScaleAt, .words = record + Record::kWordsAt, .words_step = 4};
      });
}

}  // namespace
}  // namespace braid::cpu
