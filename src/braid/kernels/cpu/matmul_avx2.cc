// The AVX2 kernels: float32 fused multiply-adds, in order of k for float32. bfloat16 weights are widened in registers,
// and a pair's odd k is added before its even one, which gives the same bits as vdpbf16ps. Tested by
// kernels/matmul_test.cc.
#include <immintrin.h>

#include "braid/kernels/cpu/matmul_driver.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {
namespace {

struct Bf16Step {
  static constexpr int kTerms = 2;              // inputs (k) of a step
  static constexpr int64_t kSteps = 16;         // of 2 KB of weights
  static constexpr int64_t kStepBytes = 64;     // from one step's weights to the next, within 2 KB
  static constexpr int64_t kSecondHalf = 1024;  // from columns 0…15 to 16…31
  static constexpr bool kIsBf16 = true;
  static inline __attribute__((always_inline)) __m256 term(const std::byte* w, int index) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
    return _mm256_castsi256_ps(index == 0 ? _mm256_and_si256(pairs, _mm256_set1_epi32(-65536))
                                          : _mm256_slli_epi32(pairs, 16));
  }
  static constexpr int k_of(int index) { return 1 - index; }
};

struct F32Step {
  static constexpr int kTerms = 1;
  static constexpr int64_t kSteps = 16;
  static constexpr int64_t kStepBytes = 128;
  static constexpr int64_t kSecondHalf = 64;
  static constexpr bool kIsBf16 = false;
  static inline __attribute__((always_inline)) __m256 term(const std::byte* w, int) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(w));
  }
  static constexpr int k_of(int) { return 0; }
};

// kHalves = 2: all 32 columns of the panel for kRows rows; 1: the 16 columns at `w` and `sums`.
template <typename Step, int kRows, int kHalves>
inline __attribute__((always_inline)) void one_step(const float* a, const std::byte* w,
                                                    __m256 (&c)[kRows][2 * kHalves]) {
#pragma GCC unroll 2
  for (int index = 0; index < Step::kTerms; ++index) {
    const float* a_row = a + Step::k_of(index) * kRows;
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      const __m256 left = Step::term(w + half * Step::kSecondHalf, index);
      const __m256 right = Step::term(w + half * Step::kSecondHalf + 32, index);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const __m256 factor = _mm256_broadcast_ss(a_row + row);
        c[row][2 * half] = _mm256_fmadd_ps(factor, left, c[row][2 * half]);
        c[row][2 * half + 1] = _mm256_fmadd_ps(factor, right, c[row][2 * half + 1]);
      }
    }
  }
}

// For a panel's second half: everything has been fetched by then.
struct NoPrefetch {
  void at_line(int64_t) const {}
  void next() const {}
};

template <typename Step, int kRows, int kHalves, typename Ahead>
void multiply_columns(const float* a, const std::byte* w, int64_t k, float* sums, bool resume, Ahead prefetch) {
  __m256 c[kRows][2 * kHalves];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < 2 * kHalves; ++v) {
      c[row][v] = resume ? _mm256_loadu_ps(sums + row * kPanelCols + v * 8) : _mm256_setzero_ps();
    }
  }
  constexpr int64_t kUnitK = Step::kSteps * Step::kTerms;
  for (; k >= kUnitK; k -= kUnitK) {
#pragma GCC unroll 2
    for (int64_t step = 0; step < Step::kSteps; ++step, a += kRows * Step::kTerms) {
      prefetch.at_line(2 * step);
      prefetch.at_line(2 * step + 1);
      one_step<Step, kRows, kHalves>(a, w + step * Step::kStepBytes, c);
    }
    prefetch.next();
    w += 2048;
  }
  for (; k > 0; k -= Step::kTerms, a += kRows * Step::kTerms, w += Step::kStepBytes) {
    one_step<Step, kRows, kHalves>(a, w, c);
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < 2 * kHalves; ++v) _mm256_storeu_ps(sums + row * kPanelCols + v * 8, c[row][v]);
  }
}

// Up to 3 rows (float32; 2 of bfloat16) have registers for a whole panel; more rows take its two halves one after
// another.
template <typename Step, int kRows>
void multiply_rows(const std::byte* packed, const std::byte* w, int64_t k, float* sums, bool resume,
                   const Prefetch& ahead) {
  const auto* a = reinterpret_cast<const float*>(packed);
  if constexpr (kRows <= (Step::kIsBf16 ? 2 : 3)) {
    multiply_columns<Step, kRows, 2>(a, w, k, sums, resume, ahead);
  } else {
    multiply_columns<Step, kRows, 1>(a, w, k, sums, resume, ahead);
    multiply_columns<Step, kRows, 1>(a, w + Step::kSecondHalf, k, sums + 16, resume, NoPrefetch());
  }
}

template <typename Step>
struct Avx2Kernel {
  static constexpr int64_t kBlockRows = 6;
  static constexpr int64_t kUnitK = Step::kSteps * Step::kTerms;
  static constexpr int64_t kPadK = Step::kIsBf16 ? 32 : 1;
  static constexpr bool kIsOnePass = false;
  static constexpr int64_t kPackedBytes = int64_t{384} << 10;
  static constexpr int64_t kShortUnits = 4;
  static constexpr int64_t kStretchUnits = 16;
  static constexpr int64_t kPairRows = 0;
  static constexpr int64_t kStreamRows = 0;

  explicit Avx2Kernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows; }
  static constexpr int64_t row_bytes(int64_t k) { return k * 4; }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_floats<Step::kIsBf16>(source, first, rows, k, divide_up(k, kPadK) * kPadK, out);
  }
  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                const Prefetch& ahead) const {
    using Multiply = void (*)(const std::byte*, const std::byte*, int64_t, float*, bool, const Prefetch&);
    static constexpr Multiply kMultiply[kBlockRows] = {multiply_rows<Step, 1>, multiply_rows<Step, 2>,
                                                       multiply_rows<Step, 3>, multiply_rows<Step, 4>,
                                                       multiply_rows<Step, 5>, multiply_rows<Step, 6>};
    kMultiply[rows - 1](a, w, k, sums, resume, ahead);
  }
};

}  // namespace

FloatTiers avx2_bf16() {
  using Kernel = Avx2Kernel<Bf16Step>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

FloatTiers avx2_f32() {
  using Kernel = Avx2Kernel<F32Step>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, F32Layout>()};
}

}  // namespace braid::cpu
