// AVX2's fused multiply-add; bfloat16 weights are widened in registers. And its products of integers. Tested by
// multiply_loops_test.cc.
#include <immintrin.h>

#include "braid/bench/roofline/multiply_loops_avx2_inl.h"

namespace braid::bench {
namespace {

struct Avx2Step {
  using Sums = __m256;
  using Line = __m256i;
  using Term = __m256;
  static constexpr int kRows = 6;
  static constexpr int kFactors = 1;
  static constexpr int kSums = 8;
  static constexpr int64_t kLineBytes = 32;
  static constexpr double kFlops = 2.0 * 8;
  static constexpr const char* kInstruction = "fused multiply-adds of 256 bits";
  static constexpr bool kHasFloatRows = true;
  static inline __attribute__((always_inline)) __m256i load(const std::byte* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static inline __attribute__((always_inline)) __m256 factor(const std::byte* from) {
    return _mm256_broadcast_ss(reinterpret_cast<const float*>(from));
  }
  static inline __attribute__((always_inline)) __m256 multiply_add(__m256 sums, __m256 factor, __m256 term) {
    return _mm256_fmadd_ps(factor, term, sums);
  }
  static inline __attribute__((always_inline)) void keep(__m256&) {}
  static inline __attribute__((always_inline)) __m256 load_sums(const float* from) { return _mm256_loadu_ps(from); }
  static inline __attribute__((always_inline)) void store_sums(__m256 sums, float* to) { _mm256_storeu_ps(to, sums); }
};

struct Avx2Bf16Step : Avx2Step {
  static constexpr int kTerms = 2;
  static inline __attribute__((always_inline)) __m256 term(__m256i line, int index) {
    return _mm256_castsi256_ps(index == 0 ? _mm256_and_si256(line, _mm256_set1_epi32(-65536))
                                          : _mm256_slli_epi32(line, 16));
  }
};

struct Avx2F32Step : Avx2Step {
  static constexpr int kTerms = 1;
  static inline __attribute__((always_inline)) __m256 term(__m256i line, int) { return _mm256_castsi256_ps(line); }
};

struct Avx2PairsStep : Avx2IntegerStep {
  static constexpr double kFlops = 2.0 * 16;
  static constexpr int kIntegerBytes = 2;
  static constexpr const char* kInstruction = "vpmaddwd and additions of 256 bits";
  static inline __attribute__((always_inline)) __m256i multiply_add(__m256i sums, __m256i factor, __m256i term) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(factor, term));
  }
};

}  // namespace

MultiplyLoops avx2_bf16_loops() {
  return loops_of<Avx2Bf16Step>();
}

MultiplyLoops avx2_f32_loops() {
  return loops_of<Avx2F32Step>();
}

MultiplyLoops avx2_integer_loops() {
  return loops_of<Avx2PairsStep>();
}

}  // namespace braid::bench
