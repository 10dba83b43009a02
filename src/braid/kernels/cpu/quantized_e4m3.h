// E4M3 codes times their scales, rounded to bfloat16: 32 or 64 codes at once, as bytes. The bits are those of
// to_bfloat16(scale * value). Included only by the tiers' files; each gets its own copy (matmul_tier.h says why).
// Tested by kernels/quantized_matmul_test.cc.
//
// If a half's columns have one scale, as in FP8 by blocks of 128 x 128 or by tensor, only 16 products are rounded: the
// 8 mantissas of a normal code, and the 8 subnormal codes. A byte shuffle looks each code up, and its exponent is
// added. Other scales are multiplied in float32; there only the codes' conversion is done in bytes.
#pragma once

#include "braid/kernels/cpu/quantized_unpack.h"

#if defined(__AVX2__)

namespace braid::cpu {
namespace {

// What both widths need. Unpacking and shuffling stay within 128 bits, that is 4 columns.
#if defined(__AVX512BW__)
struct ByteVector {
  using Bits = __m512i;
  static inline __attribute__((always_inline)) Bits same(int8_t value) { return _mm512_set1_epi8(value); }
  static inline __attribute__((always_inline)) Bits looked_up(const uint8_t* table, Bits index) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), index);
  }
  static inline __attribute__((always_inline)) Bits smaller(Bits a, Bits b) { return _mm512_min_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits larger(Bits a, Bits b) { return _mm512_max_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits less(Bits a, Bits b) { return _mm512_subs_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits low(Bits a, Bits b) { return _mm512_unpacklo_epi8(a, b); }
  static inline __attribute__((always_inline)) Bits high(Bits a, Bits b) { return _mm512_unpackhi_epi8(a, b); }
  static inline __attribute__((always_inline)) Bits plus(Bits a, Bits b) { return _mm512_add_epi16(a, b); }
  static inline __attribute__((always_inline)) Bits bytes_plus(Bits a, Bits b) { return _mm512_add_epi8(a, b); }
  template <int kBits>
  static inline __attribute__((always_inline)) Bits left(Bits a) {
    return _mm512_slli_epi16(a, kBits);
  }
  template <int kWords>
  static inline __attribute__((always_inline)) CodeWords picked(Bits a, Bits b) {
    return (CodeWords)_mm512_shuffle_ps((__m512)a, (__m512)b, kWords);
  }
  static inline __attribute__((always_inline)) bool has_ff(Bits a) { return _mm512_cmpeq_epi8_mask(a, same(-1)) != 0; }
};
#else
struct ByteVector {
  using Bits = __m256i;
  static inline __attribute__((always_inline)) Bits same(int8_t value) { return _mm256_set1_epi8(value); }
  static inline __attribute__((always_inline)) Bits looked_up(const uint8_t* table, Bits index) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))),
                               index);
  }
  static inline __attribute__((always_inline)) Bits smaller(Bits a, Bits b) { return _mm256_min_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits larger(Bits a, Bits b) { return _mm256_max_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits less(Bits a, Bits b) { return _mm256_subs_epu8(a, b); }
  static inline __attribute__((always_inline)) Bits low(Bits a, Bits b) { return _mm256_unpacklo_epi8(a, b); }
  static inline __attribute__((always_inline)) Bits high(Bits a, Bits b) { return _mm256_unpackhi_epi8(a, b); }
  static inline __attribute__((always_inline)) Bits plus(Bits a, Bits b) { return _mm256_add_epi16(a, b); }
  static inline __attribute__((always_inline)) Bits bytes_plus(Bits a, Bits b) { return _mm256_add_epi8(a, b); }
  template <int kBits>
  static inline __attribute__((always_inline)) Bits left(Bits a) {
    return _mm256_slli_epi16(a, kBits);
  }
  template <int kWords>
  static inline __attribute__((always_inline)) CodeWords picked(Bits a, Bits b) {
    return (CodeWords)_mm256_shuffle_ps((__m256)a, (__m256)b, kWords);
  }
  static inline __attribute__((always_inline)) bool has_ff(Bits a) {
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(a, same(-1))) != 0;
  }
};
#endif

// A line's four k of a vector's columns: packed pairs of bfloat16, k 0 and 1, then 2 and 3.
struct E4m3Pairs {
  CodeWords first;
  CodeWords second;
};

// From words in the order of unpacked bytes.
inline __attribute__((always_inline)) E4m3Pairs pairs_of(ByteVector::Bits low, ByteVector::Bits high) {
  return {.first = ByteVector::picked<0x88>(low, high), .second = ByteVector::picked<0xdd>(low, high)};
}

#if defined(__AVX512VBMI__)
// The products of one scale with the codes without their signs, first bytes and second bytes apart. Any scale and any
// code will do.
class E4m3Products {
 public:
  inline __attribute__((always_inline)) void set(float scale) {
    const auto bits = __builtin_bit_cast(uint32_t, scale);
    if (is_set_ && bits == scale_bits_) return;
    is_set_ = true;
    scale_bits_ = bits;
    const CodeWords lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    __m512i words[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      const CodeFloats first = scale * from_e4m3(lanes + 32 * i);
      const CodeFloats second = scale * from_e4m3(lanes + (32 * i + 16));
      words[i] = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    }
    const auto low = (__m512i)(lanes * 0x08080808U + 0x06040200U);  // the even ones of two vectors' bytes
    const __m512i high = _mm512_add_epi8(low, _mm512_set1_epi8(1));
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      low_[i] = _mm512_permutex2var_epi8(words[2 * i], low, words[2 * i + 1]);
      high_[i] = _mm512_permutex2var_epi8(words[2 * i], high, words[2 * i + 1]);
    }
  }

  inline __attribute__((always_inline)) E4m3Pairs of(__m512i codes) const {
    const CodeWords lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const CodeWords first = lanes * 0x04040404U + 0x41014000U;  // bytes 4 i and 4 i + 1, each from low and from high
    const __m512i low = _mm512_permutex2var_epi8(low_[0], codes, low_[1]);
    const __m512i size = _mm512_permutex2var_epi8(high_[0], codes, high_[1]);
    constexpr int kXorSign = 0x78;  // size ^ (codes & sign bits)
    const __m512i high = _mm512_ternarylogic_epi32(size, codes, _mm512_set1_epi8(-128), kXorSign);
    return {.first = (CodeWords)_mm512_permutex2var_epi8(low, (__m512i)first, high),
            .second = (CodeWords)_mm512_permutex2var_epi8(low, (__m512i)(first + 0x02020202U), high)};
  }

 private:
  __m512i low_[2];
  __m512i high_[2];
  bool is_set_ = false;
  uint32_t scale_bits_ = 0;
};
#endif

// The 16 products of one scale: entry m is the subnormal code m, entry 8 + m the code of the smallest normal exponent.
class E4m3Table {
 public:
  // False: too large or too small a scale; some products would not be normal numbers.
  inline bool set(float scale) {
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, scale) & 0x7fffffffU;
    constexpr uint32_t kSmallest = (127U - 100U) << 23;
    constexpr uint32_t kLargest = (127U + 100U) << 23;
    if (magnitude < kSmallest || magnitude > kLargest) return false;
    if (is_set_ && magnitude == magnitude_ && scale == scale_) return true;
    is_set_ = true;
    magnitude_ = magnitude;
    scale_ = scale;
    for (uint32_t i = 0; i < 16; ++i) {
      const auto bits = __builtin_bit_cast(uint32_t, scale * (static_cast<float>(i) * 0x1p-9F));
      const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
      low_[i] = static_cast<uint8_t>(rounded & 0xffU);
      high_[i] = static_cast<uint8_t>(rounded >> 8);
    }
    return true;
  }

  inline __attribute__((always_inline)) E4m3Pairs of(ByteVector::Bits codes) const {
    using Bytes = ByteVector;
    const Bytes::Bits exponents = codes & Bytes::same(0x78);
    const Bytes::Bits index = (codes & Bytes::same(7)) | Bytes::smaller(exponents, Bytes::same(8));
    const Bytes::Bits low = Bytes::looked_up(low_, index);
    const Bytes::Bits high = Bytes::looked_up(high_, index) ^ (codes & Bytes::same(-128));
    const Bytes::Bits more = Bytes::less(exponents, Bytes::same(8));
    return pairs_of(Bytes::plus(Bytes::low(low, high), Bytes::left<4>(Bytes::low(more, Bytes::Bits{}))),
                    Bytes::plus(Bytes::high(low, high), Bytes::left<4>(Bytes::high(more, Bytes::Bits{}))));
  }

 private:
  uint8_t low_[16];
  uint8_t high_[16];
  bool is_set_ = false;
  uint32_t magnitude_ = 0;
  float scale_ = 0;
};

// The values of codes that are not NaN, times 2^-117: then no exponent but that of 0 is 0, and no value is a denormal,
// which would be flushed.
inline __attribute__((always_inline)) E4m3Pairs e4m3_values(ByteVector::Bits codes) {
  using Bytes = ByteVector;
  // Subnormal codes with 5 bits of exponent and 3 of mantissa.
  static constexpr uint8_t kSubnormals[16] = {0,    8,    16,   20,   24,   26,   28,   30,
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const Bytes::Bits magnitudes = codes & Bytes::same(0x7f);
  const Bytes::Bits subnormal = Bytes::looked_up(kSubnormals, Bytes::smaller(magnitudes, Bytes::same(15)));
  const Bytes::Bits values = Bytes::smaller(Bytes::bytes_plus(magnitudes, Bytes::same(24)), subnormal);
  const Bytes::Bits signs = codes & Bytes::same(-128);
  const Bytes::Bits zero = {};
  return pairs_of(Bytes::left<4>(Bytes::low(values, zero)) | Bytes::low(zero, signs),
                  Bytes::left<4>(Bytes::high(values, zero)) | Bytes::high(zero, signs));
}

// Scales times 2^117. False: they would be too large.
inline __attribute__((always_inline)) bool scale_up(const float* scales, float* out) {
  bool fits = true;
  for (int i = 0; i < kHalfCols; ++i) {
    out[i] = scales[i] * 0x1p117F;
    fits &= __builtin_fabsf(scales[i]) < 512.0F;
  }
  return fits;
}

// Whether both parts' 16 scales are all equal.
inline __attribute__((always_inline)) bool is_one_scale(const float* scales, const float* others) {
  const CodeInts first = CodeInts{} + __builtin_bit_cast(int32_t, scales[0]);
  CodeInts differ = {};
  for (int v = 0; v < kLineVectors; ++v) {
    differ |= load_vector<CodeInts>(scales + v * kWordLanes) ^ first;
    differ |= load_vector<CodeInts>(others + v * kWordLanes) ^ first;
  }
  uint64_t words[sizeof(differ) / 8];
  __builtin_memcpy(words, &differ, sizeof(differ));
  uint64_t any = 0;
  for (const uint64_t word : words) any |= word;
  return any == 0;
}

// Whether one of a half's codes is NaN.
inline __attribute__((always_inline)) bool has_nan_code(const std::byte* half) {
  ByteVector::Bits largest = {};
  for (int64_t at = 0; at < kHalfLines * 64; at += static_cast<int64_t>(sizeof(largest))) {
    largest = ByteVector::larger(largest, load_vector<ByteVector::Bits>(half + at) | ByteVector::same(-128));
  }
  return ByteVector::has_ff(largest);
}

}  // namespace
}  // namespace braid::cpu

#endif
