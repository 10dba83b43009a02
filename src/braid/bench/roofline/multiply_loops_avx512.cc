// AVX-512's fused multiply-add; bfloat16 weights are widened in registers. And its products of integers. Tested by
// multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_avx512_inl.h"

namespace braid::bench {
namespace {

struct FusedStep : Avx512Step {
  using Term = __m512;
  static constexpr double kFlops = 2.0 * 16;
  static constexpr const char* kInstruction = "fused multiply-adds of 512 bits";
  static constexpr bool kHasFloatRows = true;
  static inline __attribute__((always_inline)) __m512 factor(const std::byte* from) {
    float value;
    __builtin_memcpy(&value, from, sizeof(value));
    return _mm512_set1_ps(value);
  }
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sums, __m512 factor, __m512 term) {
    return _mm512_fmadd_ps(factor, term, sums);
  }
  static inline __attribute__((always_inline)) void keep(__m512&) {}
};

struct WidenedBf16Step : FusedStep {
  static constexpr int kTerms = 2;
  static inline __attribute__((always_inline)) __m512 term(__m512i line, int index) {
    return _mm512_castsi512_ps(index == 0 ? _mm512_and_si512(line, _mm512_set1_epi32(-65536))
                                          : _mm512_slli_epi32(line, 16));
  }
};

struct FusedF32Step : FusedStep {
  static constexpr int kTerms = 1;
  static inline __attribute__((always_inline)) __m512 term(__m512i line, int) { return _mm512_castsi512_ps(line); }
};

struct PairsStep : Avx512IntegerStep {
  static constexpr double kFlops = 2.0 * 32;
  static constexpr int kIntegerBytes = 2;
  static constexpr const char* kInstruction = "vpmaddwd and additions of 512 bits";
  static inline __attribute__((always_inline)) __m512i multiply_add(__m512i sums, __m512i factor, __m512i term) {
    __m512i products;  // hidden, so that the compiler does not share the products of equal operands among rows
    asm volatile("vpmaddwd %2, %1, %0" : "=v"(products) : "v"(factor), "v"(term));
    return _mm512_add_epi32(sums, products);
  }
};

}  // namespace

MultiplyLoops avx512_widened_bf16_loops() {
  return loops_of<WidenedBf16Step>();
}

MultiplyLoops avx512_f32_loops() {
  return loops_of<FusedF32Step>();
}

MultiplyLoops avx512_integer_loops() {
  return loops_of<PairsStep>();
}

}  // namespace braid::bench
