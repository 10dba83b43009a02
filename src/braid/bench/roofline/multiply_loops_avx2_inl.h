// Shared by the steps of integers in vectors of 32 bytes. Included only by the tiers' files.
#pragma once

#include <immintrin.h>

#include "braid/bench/roofline/multiply_loops_inl.h"

namespace braid::bench {
namespace {

// A factor is 4 bytes of a row, and sums are kept as integers.
struct Avx2IntegerStep {
  using Sums = __m256i;
  using Line = __m256i;
  using Term = __m256i;
  static constexpr int kRows = 6;
  static constexpr int kFactors = 1;
  static constexpr int kTerms = 1;
  static constexpr int kSums = 8;
  static constexpr int64_t kLineBytes = 32;
  static constexpr bool kHasFloatRows = false;
  static inline __attribute__((always_inline)) __m256i load(const std::byte* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static inline __attribute__((always_inline)) __m256i term(__m256i line, int) { return line; }
  static inline __attribute__((always_inline)) __m256i factor(const std::byte* from) {
    int codes;
    __builtin_memcpy(&codes, from, sizeof(codes));
    return _mm256_set1_epi32(codes);
  }
  static inline __attribute__((always_inline)) void keep(__m256i& factor) { asm volatile("" : "+x"(factor)); }
  static inline __attribute__((always_inline)) __m256i load_sums(const float* from) {
    __m256i sums = _mm256_cvtps_epi32(_mm256_loadu_ps(from));
    keep(sums);  // else g++ 12 keeps all sums in memory
    return sums;
  }
  static inline __attribute__((always_inline)) void store_sums(__m256i sums, float* to) {
    _mm256_storeu_ps(to, _mm256_cvtepi32_ps(sums));
  }
};

}  // namespace
}  // namespace braid::bench
