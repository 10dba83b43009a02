// The AVX-512 kernels without bfloat16 instructions: float32 fused multiply-adds in order of k. bfloat16 weights are
// widened in registers, and a pair's odd k is added before its even one, which gives the same bits as vdpbf16ps. Tested
// by kernels/matmul_test.cc.
#include "braid/kernels/cpu/matmul_avx512_inl.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {
namespace {

struct WidenedStep {
  using Element = float;
  static constexpr int64_t kK = 2;
  static constexpr int kTerms = 2;
  static constexpr int64_t kSteps = 16;
  static constexpr int64_t kStepBytes = 64;
  static constexpr int64_t kSecondHalf = 1024;
  static constexpr int64_t kPadK = 32;
  static constexpr int64_t kPairRows = 0;
  static constexpr int64_t kStreamRows = 8;
  static constexpr int64_t kStreams = 4;
  static constexpr int64_t kStreamAhead = 1536;
  static constexpr FetchAhead fetch_ahead(int64_t) { return {.near = 8192, .far = 0}; }
  static constexpr int element_of(int index) { return 1 - index; }
  static inline __attribute__((always_inline)) __m512 term(__m512i line, int index) {
    return _mm512_castsi512_ps(index == 0 ? _mm512_and_si512(line, _mm512_set1_epi32(-65536))
                                          : _mm512_slli_epi32(line, 16));
  }
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sum, float a, __m512 term) {
    return _mm512_fmadd_ps(_mm512_set1_ps(a), term, sum);
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    const auto load = [k](const std::byte* row, int64_t at) {
      const __m256i halves = _mm256_maskz_loadu_epi16(first_of<16>(k - at), row + at * 2);
      return _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
    };
    pack_transposed(source, first, rows, divide_up(k, kPadK) * kPadK, load, out);
  }
};

}  // namespace

FloatTiers avx512_widened_bf16() {
  using Kernel = Avx512Kernel<WidenedStep>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

FloatTiers avx512_f32() {
  using Kernel = Avx512Kernel<F32Step>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, F32Layout>()};
}

}  // namespace braid::cpu
