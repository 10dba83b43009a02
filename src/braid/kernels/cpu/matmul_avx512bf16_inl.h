// The step of matmul_avx512_inl.h for bfloat16 with vdpbf16ps: one instruction multiplies a pair of k for 16 columns;
// each sum takes the pair's odd product first, then the even one. Included only by the tiers' files. Tested by
// kernels/matmul_test.cc.
#pragma once

#include "braid/kernels/cpu/matmul_avx512_inl.h"

namespace braid::cpu {
namespace {

struct DotStep {
  using Element = uint32_t;  // a pair of k
  static constexpr int64_t kK = 2;
  static constexpr int kTerms = 1;
  static constexpr int64_t kSteps = 16;
  static constexpr int64_t kStepBytes = 64;
  static constexpr int64_t kSecondHalf = 1024;
  static constexpr int64_t kPadK = 32;
  static constexpr int64_t kPairRows = 5;
  static constexpr int64_t kStreamRows = 0;
  static constexpr FetchAhead fetch_ahead(int64_t) { return {.near = 8192, .far = 0}; }
  static constexpr int element_of(int) { return 0; }
  static inline __attribute__((always_inline)) __m512i term(__m512i line, int) { return line; }
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sum, uint32_t a, __m512i term) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)term);
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    const auto load = [k](const std::byte* row, int64_t pair) {
      return _mm512_maskz_loadu_epi16(first_of<32, __mmask32>(k - 2 * pair), row + pair * 4);
    };
    pack_transposed(source, first, rows, divide_up(k, kPadK) * kPadK / 2, load, out);
  }
};

}  // namespace
}  // namespace braid::cpu
