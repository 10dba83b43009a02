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

}  // namespace
}  // namespace braid::bench
