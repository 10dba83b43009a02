// Vectors for attention with AVX-512 BF16, and its form of a bfloat16 cache. For that cache the probabilities are
// rounded to bfloat16, because one instruction then does the work of four in float32. Their sum is taken over the
// rounded values, so that the weights still add up to 1. Included only by the tiers' files.
#pragma once

#include "braid/kernels/cpu/attention_avx512_inl.h"

namespace braid::cpu {
namespace {

struct Avx512Bf16 : Avx512Vectors {
  static void store_bfloat16(uint16_t* to, Vector value, int count) {
    _mm256_mask_storeu_epi16(to, first_lanes(count), rounded(value));
  }
  static __m256i rounded(Vector value) { return __builtin_bit_cast(__m256i, _mm512_cvtneps_pbh(value)); }
};

// For processors with a first-level cache of 32 KB (Zen 4).
struct Avx512Bf16OfSmallL1 : Avx512Bf16 {
  static constexpr bool kFetchesTokenToL2 = true;
};

struct DotPairs {
  using Vector = Avx512Bf16::Vector;
  using Weight = uint16_t;
  using Kv = __m512i;
  static constexpr int kStep = 2;
  static constexpr int kElementBytes = 2;

  static Kv load(const std::byte* from, int64_t) { return _mm512_loadu_si512(from); }
  static Kv load_some(const std::byte* from, int64_t, int count) {
    return _mm512_maskz_loadu_epi32(Avx512Bf16::first_lanes(count), from);
  }
  static Kv keep(Kv pair, bool first, bool second) {
    const uint32_t bits = (first ? 0x0000ffffU : 0U) | (second ? 0xffff0000U : 0U);
    return _mm512_and_si512(pair, _mm512_set1_epi32(static_cast<int>(bits)));
  }
  static __m512i broadcast(const Weight* pair) {
    int32_t word;
    __builtin_memcpy(&word, pair, sizeof(word));
    return _mm512_set1_epi32(word);
  }
  static Vector multiply_add(__m512i weight, Kv value, Vector sum) {
    return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, value), __builtin_bit_cast(__m512bh, weight));
  }
  static Vector put(Vector weights, Weight* to) {
    const __m256i rounded = Avx512Bf16::rounded(weights);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16));
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Avx512Bf16::kLanes) {
      const __mmask16 lanes =
          Avx512Bf16::first_lanes(static_cast<int>(smaller<int64_t>(head_dim - i, Avx512Bf16::kLanes)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), Avx512Bf16::rounded(_mm512_maskz_loadu_ps(lanes, q + i)));
    }
  }
};

// Two rows of codes, as pairs of bfloat16: no code has more than 8 significant bits.
template <KvCodes kCodes>
struct CodePairs : DotPairs {
  static constexpr int kElementBytes = 1;
  static constexpr float kUnit = unit_of_codes(kCodes);

  static Kv paired(Vector first, Vector second) {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000U));
    return _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(first), 16),
                           _mm512_and_si512(_mm512_castps_si512(second), upper));
  }
  static Kv load(const std::byte* from, int64_t row_bytes) {
    return paired(Avx512Bf16::from_codes<kCodes>(from), Avx512Bf16::from_codes<kCodes>(from + row_bytes));
  }
  static Kv load_some(const std::byte* from, int64_t row_bytes, int count) {
    return paired(Avx512Bf16::from_some_codes<kCodes>(from, count),
                  Avx512Bf16::from_some_codes<kCodes>(from + row_bytes, count));
  }
};

}  // namespace
}  // namespace braid::cpu
