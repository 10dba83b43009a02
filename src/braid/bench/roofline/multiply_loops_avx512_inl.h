// Shared by the steps of the AVX-512 tiers. Included only by their files.
#pragma once

#include <immintrin.h>

#include "braid/bench/roofline/multiply_loops_inl.h"

namespace braid::bench {
namespace {

struct Avx512Step {
  using Sums = __m512;
  using Line = __m512i;
  static constexpr int kRows = 12;
  static constexpr int kFactors = 1;
  static constexpr int kSums = 16;
  static constexpr int64_t kLineBytes = 64;
  static inline __attribute__((always_inline)) __m512i load(const std::byte* from) { return _mm512_load_si512(from); }
  static inline __attribute__((always_inline)) __m512 load_sums(const float* from) { return _mm512_loadu_ps(from); }
  static inline __attribute__((always_inline)) void store_sums(__m512 sums, float* to) { _mm512_storeu_ps(to, sums); }
};

// Integers: a factor is 4 bytes of a row, and sums are kept as integers.
struct Avx512IntegerStep : Avx512Step {
  using Sums = __m512i;
  using Term = __m512i;
  static constexpr int kTerms = 1;
  static constexpr bool kHasFloatRows = false;
  static inline __attribute__((always_inline)) __m512i term(__m512i line, int) { return line; }
  static inline __attribute__((always_inline)) __m512i factor(const std::byte* from) {
    int codes;
    __builtin_memcpy(&codes, from, sizeof(codes));
    return _mm512_set1_epi32(codes);
  }
  static inline __attribute__((always_inline)) void keep(__m512i& factor) { asm volatile("" : "+v"(factor)); }
  static inline __attribute__((always_inline)) __m512i load_sums(const float* from) {
    __m512i sums = _mm512_cvtps_epi32(_mm512_loadu_ps(from));
    keep(sums);  // else g++ 12 keeps all sums in memory
    return sums;
  }
  static inline __attribute__((always_inline)) void store_sums(__m512i sums, float* to) {
    _mm512_storeu_ps(to, _mm512_cvtepi32_ps(sums));
  }
};

}  // namespace
}  // namespace braid::bench
