// AVX-VNNI's vpdpbusd: four products for each of 8 sums. Tested by multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_avx2_inl.h"

namespace braid::bench {
namespace {

struct AvxQuadsStep : Avx2IntegerStep {
  static constexpr double kFlops = 2.0 * 32;
  static constexpr int kIntegerBytes = 1;
  static constexpr const char* kInstruction = "vpdpbusd of 256 bits";
  static inline __attribute__((always_inline)) __m256i multiply_add(__m256i sums, __m256i factor, __m256i term) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(term), "x"(factor));  // g++ 12 spills the intrinsic's sums
    return sums;
  }
};

}  // namespace

MultiplyLoops avxvnni_integer_loops() {
  return loops_of<AvxQuadsStep>();
}

}  // namespace braid::bench
