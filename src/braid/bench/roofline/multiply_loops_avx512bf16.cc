// vdpbf16ps: a pair of products for each of 16 sums. Tested by multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_avx512_inl.h"

namespace braid::bench {
namespace {

struct DotBf16Step : Avx512Step {
  using Term = __m512i;
  static constexpr int kTerms = 1;
  static constexpr double kFlops = 2.0 * 32;
  static constexpr const char* kInstruction = "vdpbf16ps";
  static constexpr bool kHasFloatRows = false;
  static inline __attribute__((always_inline)) __m512i term(__m512i line, int) { return line; }
  static inline __attribute__((always_inline)) __m512i factor(const std::byte* from) {
    int pair;
    __builtin_memcpy(&pair, from, sizeof(pair));
    return _mm512_set1_epi32(pair);
  }
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sums, __m512i factor, __m512i term) {
    return _mm512_dpbf16_ps(sums, (__m512bh)factor, (__m512bh)term);
  }
  static inline __attribute__((always_inline)) void keep(__m512i&) {}
};

}  // namespace

MultiplyLoops avx512_bf16_loops() {
  return loops_of<DotBf16Step>();
}

}  // namespace braid::bench
