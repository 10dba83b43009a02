// Codes and scales of quantized panels in vectors of the including tier's width: planes of bits to bytes, scales to
// float32. Included only by the tiers' files; each gets its own copy (matmul_tier.h says why). Tested by
// kernels/quantized_matmul_test.cc.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

#include "braid/kernels/quantized_panels.h"

namespace braid::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kWordLanes = 16;
#elif defined(__AVX2__)
constexpr int kWordLanes = 8;
#else
constexpr int kWordLanes = 4;
#endif

// A line's columns in vectors: kLineVectors of kWordLanes columns.
typedef uint32_t CodeWords __attribute__((vector_size(kWordLanes * 4)));
typedef int32_t CodeInts __attribute__((vector_size(kWordLanes * 4)));
typedef float CodeFloats __attribute__((vector_size(kWordLanes * 4)));
typedef uint16_t CodeHalves __attribute__((vector_size(kWordLanes * 2)));
typedef uint8_t CodeBytes __attribute__((vector_size(kWordLanes)));
typedef int8_t SignedCodeBytes __attribute__((vector_size(kWordLanes)));

constexpr int kHalfCols = 16;
constexpr int kHalfLines = 8;
constexpr int kLineVectors = kHalfCols / kWordLanes;

template <typename Vector>
inline __attribute__((always_inline)) Vector load_vector(const void* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof(vector));
  return vector;
}

template <typename Vector>
inline __attribute__((always_inline)) void store_vector(void* to, const Vector& vector) {
  __builtin_memcpy(to, &vector, sizeof(vector));
}

// The bytes of line `line` of a half, at a vector that begins `offset` bytes into it.
template <int kBits>
inline __attribute__((always_inline)) CodeWords code_words(const std::byte* half, int line, int64_t offset) {
  constexpr int64_t kLineBytes = 64;
  half += offset;
  if constexpr (kBits == 8) return load_vector<CodeWords>(half + line * kLineBytes);
  CodeWords words = {};
  if constexpr (kBits >= 4) {
    const CodeWords nibbles = load_vector<CodeWords>(half + line % 4 * kLineBytes);
    words = (line < 4 ? nibbles : nibbles >> 4) & 0x0f0f0f0fU;
    half += 4 * kLineBytes;
  }
  if constexpr (kBits == 2 || kBits == 3 || kBits == 6) {
    constexpr int kShift = kBits == 6 ? 4 : 0;
    const CodeWords crumbs = load_vector<CodeWords>(half + line / 4 * kLineBytes);
    const int from = line % 4 * 2;
    const CodeWords moved = from <= kShift ? crumbs << (kShift - from) : crumbs >> (from - kShift);
    words |= moved & (0x03030303U << kShift);
    half += 2 * kLineBytes;
  }
  if constexpr (kBits == 3 || kBits == 5) {
    constexpr int kShift = kBits - 1;
    const CodeWords bits = load_vector<CodeWords>(half);
    const CodeWords moved = line <= kShift ? bits << (kShift - line) : bits >> (line - kShift);
    words |= moved & (0x01010101U << kShift);
  }
  return words;
}

// Each byte (0…15) becomes the table's entry.
struct CodeTable {
  explicit CodeTable(const int8_t* table) {
#if defined(__AVX512BW__)
    entries = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
#elif defined(__AVX2__)
    entries = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
#else
    __builtin_memcpy(entries, table, sizeof(entries));
#endif
  }
  inline __attribute__((always_inline)) CodeWords of(CodeWords words) const {
#if defined(__AVX512BW__)
    return (CodeWords)_mm512_shuffle_epi8(entries, (__m512i)words);
#elif defined(__AVX2__)
    return (CodeWords)_mm256_shuffle_epi8(entries, (__m256i)words);
#else
    uint8_t bytes[sizeof(words)];
    __builtin_memcpy(bytes, &words, sizeof(words));
    for (uint8_t& byte : bytes) byte = entries[byte & 15];
    return load_vector<CodeWords>(bytes);
#endif
  }
#if defined(__AVX512BW__)
  __m512i entries;
#elif defined(__AVX2__)
  __m256i entries;
#else
  uint8_t entries[16];
#endif
};

inline __attribute__((always_inline)) CodeFloats as_floats(CodeWords words) {
  return (CodeFloats)words;
}

// float16, also subnormal, which must not become a denormal float32 on the way: denormals are flushed.
inline __attribute__((always_inline)) CodeFloats from_float16(CodeHalves halves) {
  const CodeWords words = __builtin_convertvector(halves, CodeWords);
  const CodeWords magnitude = words & 0x7fffU;
  const CodeWords normal = (magnitude << 13) + (112U << 23);
  const CodeWords small = (CodeWords)(__builtin_convertvector((CodeInts)magnitude, CodeFloats) * 0x1p-24F);
  const CodeWords infinite = (magnitude << 13) | 0x7f800000U;
  CodeWords value = magnitude < 0x400U ? small : normal;
  value = magnitude >= 0x7c00U ? infinite : value;
  return as_floats(value | ((words & 0x8000U) << 16));
}

// E4M3 codes (OCP 8-bit floating point); 0x7f and 0xff are NaN.
inline __attribute__((always_inline)) CodeFloats from_e4m3(CodeWords codes) {
  const CodeWords magnitude = codes & 0x7fU;
  const CodeWords normal = (magnitude << 20) + (120U << 23);
  const CodeWords small = (CodeWords)(__builtin_convertvector((CodeInts)magnitude, CodeFloats) * 0x1p-9F);
  CodeWords value = magnitude < 8U ? small : normal;
  value = magnitude == 0x7fU ? (CodeWords{} + 0x7fc00000U) : value;
  return as_floats(value | ((codes & 0x80U) << 24));
}

inline __attribute__((always_inline)) CodeFloats from_e8m0(CodeBytes bytes) {
  const CodeWords words = __builtin_convertvector(bytes, CodeWords);
  CodeWords value = words << 23;
  value = words == 0U ? (CodeWords{} + 0x00400000U) : value;
  value = words == 0xffU ? (CodeWords{} + 0x7fc00000U) : value;
  return as_floats(value);
}

// The scales (or minimums) of one group for a half's 16 columns. `at` and `super_at` are the parts' beginnings.
inline void load_group_floats(const QuantizedPanels& panels, const std::byte* panel, int64_t at, int64_t super_at,
                              bool is_minimum, int64_t group, int64_t half, float* out) {
  using Scales = QuantizedPanels::Scales;
  const int64_t index = group * kPanelCols + half * kHalfCols;
  const std::byte* part = panel + at;
  for (int v = 0; v < kLineVectors; ++v) {
    const int64_t first = index + v * kWordLanes;
    CodeFloats floats;
    switch (panels.scales) {
      case Scales::kFloat16:
        floats = from_float16(load_vector<CodeHalves>(part + first * 2));
        break;
      case Scales::kBFloat16:
        floats = as_floats(__builtin_convertvector(load_vector<CodeHalves>(part + first * 2), CodeWords) << 16);
        break;
      case Scales::kFloat32:
        floats = load_vector<CodeFloats>(part + first * 4);
        break;
      case Scales::kE8m0:
        floats = from_e8m0(load_vector<CodeBytes>(part + first));
        break;
      default: {
        const int64_t super_group = group * panels.group / panels.super_group;
        const int64_t super_first = super_group * kPanelCols + half * kHalfCols + v * kWordLanes;
        const CodeFloats super = from_float16(load_vector<CodeHalves>(panel + super_at + super_first * 2));
        const auto bytes = load_vector<CodeBytes>(part + first);
        CodeInts sub;
        if (panels.scales == Scales::kTwoLevelsS8) {
          sub = __builtin_convertvector((SignedCodeBytes)bytes, CodeInts);
        } else if (panels.scales == Scales::kTwoLevelsU8) {
          sub = __builtin_convertvector(bytes, CodeInts);
        } else {
          sub = __builtin_convertvector(bytes, CodeInts);
          sub = is_minimum ? sub >> 4 : sub & 15;
        }
        floats = super * __builtin_convertvector(sub, CodeFloats);
      }
    }
    store_vector(out + v * kWordLanes, floats);
  }
}

inline void load_group_scales(const QuantizedPanels& panels, const std::byte* panel, int64_t group, int64_t half,
                              float* out) {
  load_group_floats(panels, panel, panels.scales_at, panels.super_scales_at, false, group, half, out);
  if (panels.values != QuantizedPanels::Values::kTable) return;
  for (int i = 0; i < kHalfCols; ++i) out[i] *= panels.table_unit;
}

inline void load_group_minimums(const QuantizedPanels& panels, const std::byte* panel, int64_t group, int64_t half,
                                float* out) {
  load_group_floats(panels, panel, panels.minimums_at, panels.super_minimums_at, true, group, half, out);
}

// What is taken from a group's codes, for a half's 16 columns: kGroupZeros or kFixedZero; 0 with minimums.
inline void load_group_zeros(const QuantizedPanels& panels, const std::byte* panel, int64_t group, int64_t half,
                             int32_t* out) {
  for (int i = 0; i < kHalfCols; ++i) {
    out[i] = panels.offsets == QuantizedPanels::Offsets::kFixedZero ? panels.fixed_zero : 0;
  }
  if (panels.offsets != QuantizedPanels::Offsets::kGroupZeros) return;
  const std::byte* zeros = panel + panels.zeros_at + group * kPanelCols + half * kHalfCols;
  for (int i = 0; i < kHalfCols; ++i) out[i] = static_cast<int32_t>(zeros[i]);
}

// The group of a unit's first or second 16 k. There may be none for the second, beyond k.
inline int64_t group_of(const QuantizedPanels& panels, int64_t unit, int64_t part) {
  const int64_t group = (unit * QuantizedPanels::kUnitK + part * 16) / panels.group;
  return group < panels.groups ? group : panels.groups - 1;
}

}  // namespace
}  // namespace braid::cpu
