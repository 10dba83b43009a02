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

// Bytes and halves as words. g++ 12 converts short vectors element by element.
inline __attribute__((always_inline)) CodeWords load_bytes(const std::byte* from) {
#if defined(__AVX512F__)
  return (CodeWords)_mm512_cvtepu8_epi32(load_vector<__m128i>(from));
#elif defined(__AVX2__)
  return (CodeWords)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#else
  return __builtin_convertvector(load_vector<CodeBytes>(from), CodeWords);
#endif
}

inline __attribute__((always_inline)) CodeWords load_halves(const std::byte* from) {
#if defined(__AVX512F__)
  return (CodeWords)_mm512_cvtepu16_epi32(load_vector<__m256i>(from));
#elif defined(__AVX2__)
  return (CodeWords)_mm256_cvtepu16_epi32(load_vector<__m128i>(from));
#else
  return __builtin_convertvector(load_vector<CodeHalves>(from), CodeWords);
#endif
}

inline __attribute__((always_inline)) CodeFloats as_floats(CodeWords words) {
  return (CodeFloats)words;
}

// float16, also subnormal, which must not become a denormal float32 on the way: denormals are flushed.
inline __attribute__((always_inline)) CodeFloats load_float16(const std::byte* from) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(load_vector<__m256i>(from));
#elif defined(__F16C__)
  return _mm256_cvtph_ps(load_vector<__m128i>(from));
#else
  const CodeWords words = load_halves(from);
  const CodeWords magnitude = words & 0x7fffU;
  const CodeWords normal = (magnitude << 13) + (112U << 23);
  const CodeWords small = (CodeWords)(__builtin_convertvector((CodeInts)magnitude, CodeFloats) * 0x1p-24F);
  const CodeWords infinite = (magnitude << 13) | 0x7f800000U;
  CodeWords value = magnitude < 0x400U ? small : normal;
  value = magnitude >= 0x7c00U ? infinite : value;
  return as_floats(value | ((words & 0x8000U) << 16));
#endif
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

inline __attribute__((always_inline)) CodeFloats from_e8m0(CodeWords words) {
  CodeWords value = words << 23;
  value = words == 0U ? (CodeWords{} + 0x00400000U) : value;
  value = words == 0xffU ? (CodeWords{} + 0x7fc00000U) : value;
  return as_floats(value);
}

// A group, and its super-group if there are two levels.
struct GroupIndex {
  int64_t group;
  int64_t super_group;
};

// Where 16 k of a panel have their group. It goes forward only, without divisions. Beyond k the last group stays.
class GroupWalk {
 public:
  inline __attribute__((always_inline)) GroupWalk(const QuantizedPanels& panels, int64_t first_unit)
      : panels_(panels), at_{.group = 0, .super_group = 0} {
    const auto k = static_cast<uint32_t>(first_unit * QuantizedPanels::kUnitK);
    at_.group = k / static_cast<uint32_t>(panels.group);
    end_ = (at_.group + 1) * panels.group;
    if (!panels.has_two_levels) return;
    at_.super_group = k / static_cast<uint32_t>(panels.super_group);
    super_end_ = (at_.super_group + 1) * panels.super_group;
  }
  // Of inputs from `k` on.
  inline __attribute__((always_inline)) GroupIndex to(int64_t k) {
    if (k >= panels_.k) return at_;
    if (k >= end_) {
      ++at_.group;
      end_ += panels_.group;
    }
    if (panels_.has_two_levels && k >= super_end_) {
      ++at_.super_group;
      super_end_ += panels_.super_group;
    }
    return at_;
  }

 private:
  const QuantizedPanels& panels_;
  GroupIndex at_;
  int64_t end_ = 0;
  int64_t super_end_ = 0;
};

template <QuantizedPanels::Scales kScales>
struct ScalesTag {
  static constexpr QuantizedPanels::Scales kValue = kScales;
};

// Calls work with the tag of the panels' type of scales.
template <typename Work>
inline void with_scales(const QuantizedPanels& panels, const Work& work) {
  using Scales = QuantizedPanels::Scales;
  switch (panels.scales) {
    case Scales::kFloat16:
      return work(ScalesTag<Scales::kFloat16>());
    case Scales::kBFloat16:
      return work(ScalesTag<Scales::kBFloat16>());
    case Scales::kFloat32:
      return work(ScalesTag<Scales::kFloat32>());
    case Scales::kE8m0:
      return work(ScalesTag<Scales::kE8m0>());
    case Scales::kTwoLevelsU6:
      return work(ScalesTag<Scales::kTwoLevelsU6>());
    case Scales::kTwoLevelsS8:
      return work(ScalesTag<Scales::kTwoLevelsS8>());
    case Scales::kTwoLevelsU4:
      return work(ScalesTag<Scales::kTwoLevelsU4>());
  }
}

// Reads groups' scales or minimums, a half's 16 columns at a time. `part` and `super_part` are the parts' beginnings;
// `low_part` is that of the low bits of sub-minimums of 6 bits, whose `part` is the sub-scales'.
template <QuantizedPanels::Scales kScales, bool kIsMinimum>
class GroupReader {
 public:
  inline __attribute__((always_inline))
  GroupReader(const std::byte* part, const std::byte* super_part, const std::byte* low_part = nullptr)
      : part_(part), super_part_(super_part), low_part_(low_part) {}

  // Each super-scale is unpacked once for all its groups, if halves take turns.
  inline __attribute__((always_inline)) void read(GroupIndex index, int64_t half, float unit, float* out) {
    if constexpr (kHasTwoLevels) {
      if (index.super_group != loaded_[half]) load_super(index.super_group, half);
    }
    read_half(index.group, half, unit, out);
  }

  // Whole units of kParts groups, from group `group` on, all of one super-group: a half's parts are 64 bytes apart, the
  // halves `stride` bytes. Nothing but the groups' own work: few rows need new scales all the time.
  template <int kParts>
  inline __attribute__((always_inline)) void read_units(GroupIndex index, int64_t units, int64_t stride, float unit,
                                                        std::byte* out) {
    if constexpr (kHasTwoLevels) {
      for (int64_t half = 0; half < 2; ++half) load_super(index.super_group, half);
    }
    for (int64_t i = 0; i < units; ++i, out += 2 * stride) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part, ++index.group) {
#pragma GCC unroll 2
        for (int64_t half = 0; half < 2; ++half) {
          read_half(index.group, half, unit, reinterpret_cast<float*>(out + half * stride + part * 64));
        }
      }
    }
  }

 private:
  using Scales = QuantizedPanels::Scales;
  static constexpr bool kHasTwoLevels = kScales >= Scales::kTwoLevelsU6;

  inline __attribute__((always_inline)) void read_half(int64_t group, int64_t half, float unit, float* out) const {
#pragma GCC unroll 4
    for (int v = 0; v < kLineVectors; ++v) {
      CodeFloats floats = read_vector(group, half * kHalfCols + v * kWordLanes);
      if constexpr (kHasTwoLevels) floats *= super_[half][v];
      if constexpr (!kIsMinimum) floats *= unit;
      store_vector(out + v * kWordLanes, floats);
    }
  }

  inline __attribute__((always_inline)) void load_super(int64_t super_group, int64_t half) {
    loaded_[half] = super_group;
    const std::byte* from = super_part_ + (super_group * kPanelCols + half * kHalfCols) * 2;
    for (int v = 0; v < kLineVectors; ++v) {
      super_[half][v] = load_float16(from + v * kWordLanes * 2);
    }
  }

  inline __attribute__((always_inline)) CodeFloats read_vector(int64_t group, int64_t column) const {
    const int64_t first = group * kPanelCols + column;
    if constexpr (kScales == Scales::kFloat16) return load_float16(part_ + first * 2);
    if constexpr (kScales == Scales::kBFloat16) return as_floats(load_halves(part_ + first * 2) << 16);
    if constexpr (kScales == Scales::kFloat32) return load_vector<CodeFloats>(part_ + first * 4);
    const CodeWords bytes = load_bytes(part_ + first);
    if constexpr (kScales == Scales::kE8m0) return from_e8m0(bytes);
    auto sub = (CodeInts)bytes;
    if constexpr (kScales == Scales::kTwoLevelsS8) sub = (sub << 24) >> 24;
    if constexpr (kScales == Scales::kTwoLevelsU4) sub = kIsMinimum ? sub >> 4 : sub & 15;
    if constexpr (kScales == Scales::kTwoLevelsU6 && !kIsMinimum) sub &= 63;
    if constexpr (kScales == Scales::kTwoLevelsU6 && kIsMinimum) {
      const auto pair = static_cast<uint64_t>(group) / 2;
      const auto low = (CodeInts)load_bytes(low_part_ + pair * kPanelCols + column) >> (group % 2 == 0 ? 0 : 4);
      sub = (sub >> 2 & 48) | (low & 15);
    }
    return __builtin_convertvector(sub, CodeFloats);
  }

  const std::byte* part_;
  const std::byte* super_part_;
  const std::byte* low_part_;
  int64_t loaded_[2] = {-1, -1};
  CodeFloats super_[2][kLineVectors];
};

template <QuantizedPanels::Scales kScales>
inline __attribute__((always_inline)) GroupReader<kScales, false> scales_of(const QuantizedPanels& panels,
                                                                            const std::byte* panel) {
  return {panel + panels.scales_at, panel + panels.super_scales_at};
}

template <QuantizedPanels::Scales kScales>
inline __attribute__((always_inline)) GroupReader<kScales, true> minimums_of(const QuantizedPanels& panels,
                                                                             const std::byte* panel) {
  if constexpr (kScales == QuantizedPanels::Scales::kTwoLevelsU6) {
    return {panel + panels.scales_at, panel + panels.super_minimums_at, panel + panels.minimums_at};
  }
  return {panel + panels.minimums_at, panel + panels.super_minimums_at};
}

// What is taken from a group's codes, for a half's 16 columns: kGroupZeros or kFixedZero; 0 with minimums.
inline void load_group_zeros(const QuantizedPanels& panels, const std::byte* panel, int64_t group, int64_t half,
                             int32_t* out) {
  for (int i = 0; i < kHalfCols; ++i) {
    out[i] = panels.offsets == QuantizedPanels::Offsets::kFixedZero ? panels.fixed_zero : 0;
  }
  if (panels.offsets != QuantizedPanels::Offsets::kGroupZeros) return;
  const std::byte* zeros = panel + panels.zeros_at + group * kPanelCols + half * kHalfCols;
  for (int v = 0; v < kLineVectors; ++v) store_vector(out + v * kWordLanes, load_bytes(zeros + v * kWordLanes));
}

}  // namespace
}  // namespace braid::cpu
