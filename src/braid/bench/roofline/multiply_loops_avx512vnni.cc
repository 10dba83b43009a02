// vpdpbusd: four products for each of 16 sums. Tested by multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_avx512_inl.h"

namespace braid::bench {
namespace {

struct QuadsStep : Avx512IntegerStep {
  static constexpr double kFlops = 2.0 * 64;
  static constexpr int kIntegerBytes = 1;
  static constexpr const char* kInstruction = "vpdpbusd of 512 bits";
  static inline __attribute__((always_inline)) __m512i multiply_add(__m512i sums, __m512i factor, __m512i term) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(term), "v"(factor));  // g++ 12 spills the intrinsic's sums
    return sums;
  }
};

}  // namespace

MultiplyLoops avx512vnni_integer_loops() {
  return loops_of<QuadsStep>();
}

}  // namespace braid::bench
