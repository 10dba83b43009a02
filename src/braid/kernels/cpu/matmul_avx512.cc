// The AVX-512 kernels: bfloat16 by vdpbf16ps (a pair of k for 16 columns an instruction; each sum takes the pair's odd
// product first, then the even one), float32 by fused multiply-add in order of k.
#include <immintrin.h>

#include "braid/kernels/cpu/matmul_driver.h"

namespace braid::cpu {
namespace {

struct Bf16Step {
  using Element = uint32_t;                     // of packed rows: a pair of k
  static constexpr int64_t kK = 2;              // k of a step
  static constexpr int64_t kSteps = 16;         // of 2 KB of weights
  static constexpr int64_t kStepBytes = 64;     // from one step's weights to the next, within 2 KB
  static constexpr int64_t kSecondHalf = 1024;  // from columns 0…15 to 16…31
  static constexpr int64_t kPadK = 32;
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sum, uint32_t a, __m512i w) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)w);
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_pairs(source, first, rows, k, divide_up(k, kPadK) * kPadK, out);
  }
};

struct F32Step {
  using Element = float;
  static constexpr int64_t kK = 1;
  static constexpr int64_t kSteps = 16;
  static constexpr int64_t kStepBytes = 128;
  static constexpr int64_t kSecondHalf = 64;
  static constexpr int64_t kPadK = 1;
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sum, float a, __m512i w) {
    return _mm512_fmadd_ps(_mm512_set1_ps(a), _mm512_castsi512_ps(w), sum);
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_floats<false>(source, first, rows, k, k, out);
  }
};

template <typename Step, int kRows>
inline __attribute__((always_inline)) void one_step(const typename Step::Element* a, const std::byte* w,
                                                    __m512 (&left)[kRows], __m512 (&right)[kRows]) {
  const __m512i w_left = _mm512_loadu_si512(w);
  const __m512i w_right = _mm512_loadu_si512(w + Step::kSecondHalf);
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    left[row] = Step::multiply_add(left[row], a[row], w_left);
    right[row] = Step::multiply_add(right[row], a[row], w_right);
  }
}

template <typename Step, int kRows>
void multiply_rows(const std::byte* packed, const std::byte* w, int64_t k, float* sums, bool resume,
                   Prefetch prefetch) {
  const auto* a = reinterpret_cast<const typename Step::Element*>(packed);
  __m512 left[kRows];
  __m512 right[kRows];
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    left[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols) : _mm512_setzero_ps();
    right[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols + 16) : _mm512_setzero_ps();
  }
  constexpr int64_t kUnitK = Step::kSteps * Step::kK;
  for (; k >= kUnitK; k -= kUnitK) {
#pragma GCC unroll 4
    for (int64_t step = 0; step < Step::kSteps; ++step, a += kRows) {
      prefetch.step(step);
      one_step<Step, kRows>(a, w + step * Step::kStepBytes, left, right);
    }
    prefetch.next();
    w += 2048;
  }
  for (; k > 0; k -= Step::kK, a += kRows, w += Step::kStepBytes) one_step<Step, kRows>(a, w, left, right);
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    _mm512_storeu_ps(sums + row * kPanelCols, left[row]);
    _mm512_storeu_ps(sums + row * kPanelCols + 16, right[row]);
  }
}

template <typename Step>
struct Avx512Kernel {
  static constexpr int64_t kBlockRows = 12;
  static constexpr int64_t kUnitK = Step::kSteps * Step::kK;
  static constexpr int64_t kPadK = Step::kPadK;
  static constexpr int64_t kBytesPerK = sizeof(typename Step::Element) / Step::kK;
  static constexpr bool kIsOnePass = true;

  // Few rows wait for memory alone, more for memory and arithmetic. Zen 4, 2 cores, 12 MB matrices from memory, with 37
  // to 62 GB/s to be had: fetching 8 KB ahead into L1 gave 35-48 GB/s at 4 rows and 402-419 GFLOP/s at 12; 32 KB ahead
  // into L2 and 2 KB into L1, 33-43 GB/s and 429-441 GFLOP/s (its peak is 444); in bursts of 2 KB, 28-45 and 293-312.
  static FetchAhead fetch_ahead(int64_t rows) {
    return rows <= 4 ? FetchAhead{.near = 8192, .far = 0} : FetchAhead{.near = 2048, .far = 32768};
  }

  explicit Avx512Kernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows; }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    Step::pack(source, first, rows, k, out);
  }
  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                Prefetch prefetch) const {
    using Multiply = void (*)(const std::byte*, const std::byte*, int64_t, float*, bool, Prefetch);
    static constexpr Multiply kMultiply[kBlockRows] = {
        multiply_rows<Step, 1>, multiply_rows<Step, 2>,  multiply_rows<Step, 3>,  multiply_rows<Step, 4>,
        multiply_rows<Step, 5>, multiply_rows<Step, 6>,  multiply_rows<Step, 7>,  multiply_rows<Step, 8>,
        multiply_rows<Step, 9>, multiply_rows<Step, 10>, multiply_rows<Step, 11>, multiply_rows<Step, 12>};
    kMultiply[rows - 1](a, w, k, sums, resume, prefetch);
  }
};

}  // namespace

MatmulTier avx512_bf16() {
  return tier_of<Avx512Kernel<Bf16Step>>();
}

MatmulTier avx512_f32() {
  return tier_of<Avx512Kernel<F32Step>>();
}

}  // namespace braid::cpu
