// The AVX-512 kernels: bfloat16 by vdpbf16ps (a pair of k for 16 columns an instruction; each sum takes the pair's odd
// product first, then the even one), float32 by fused multiply-add in order of k.
#include <immintrin.h>

#include <type_traits>

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

// One tile, 16 lines: columns 0…15 or 16…31 of 32 k.
template <int kRows>
inline __attribute__((always_inline)) void tile_in_order(const uint32_t* a, const std::byte* w, const std::byte* ahead,
                                                         __m512 (&sums)[kRows]) {
#pragma GCC unroll 4
  for (int64_t step = 0; step < Bf16Step::kSteps; ++step, a += kRows) {
    __builtin_prefetch(ahead + step * 64, 0, 2);
    const __m512i line = _mm512_loadu_si512(w + step * 64);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) sums[row] = Bf16Step::multiply_add(sums[row], a[row], line);
  }
}

// The same sums as multiply_rows<Bf16Step, kRows>, but a block's two tiles one after the other, so that memory is read
// line by line in the order of its addresses: the processor's own prefetcher then follows, and few rows, which wait for
// memory alone, read as fast as a plain loop of loads. Takes prefetch.far as a stream's.
template <int kRows>
void multiply_in_order(const std::byte* packed, const std::byte* w, int64_t k, float* sums, bool resume,
                       Prefetch prefetch) {
  const auto* a = reinterpret_cast<const uint32_t*>(packed);
  const std::byte* ahead = prefetch.far;
  __m512 left[kRows];
  __m512 right[kRows];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    left[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols) : _mm512_setzero_ps();
    right[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols + 16) : _mm512_setzero_ps();
  }
  constexpr int64_t kTileBytes = Bf16Step::kSecondHalf;
  for (; k > 0; k -= Bf16Step::kPadK, w += 2 * kTileBytes, ahead += 2 * kTileBytes, a += Bf16Step::kSteps * kRows) {
    tile_in_order<kRows>(a, w, ahead, left);
    tile_in_order<kRows>(a, w + kTileBytes, ahead + kTileBytes, right);
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    _mm512_storeu_ps(sums + row * kPanelCols, left[row]);
    _mm512_storeu_ps(sums + row * kPanelCols + 16, right[row]);
  }
}

// One tile of each of two panels, line by line in turns.
template <int kRows>
inline __attribute__((always_inline)) void tile_pair(const uint32_t* a, const std::byte* w, const std::byte* other_w,
                                                     __m512 (&sums)[kRows], __m512 (&other_sums)[kRows]) {
#pragma GCC unroll 4
  for (int64_t step = 0; step < Bf16Step::kSteps; ++step, a += kRows) {
    const __m512i line = _mm512_loadu_si512(w + step * 64);
    const __m512i other_line = _mm512_loadu_si512(other_w + step * 64);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      sums[row] = Bf16Step::multiply_add(sums[row], a[row], line);
      other_sums[row] = Bf16Step::multiply_add(other_sums[row], a[row], other_line);
    }
  }
}

// Two panels from one end of K to the other, their sums to `sums` [2][kRows][32]: each in the order of its addresses,
// as two streams that the processor's prefetcher follows better than instructions of ours would.
template <int kRows>
void multiply_pair_rows(const std::byte* packed, const std::byte* w, const std::byte* other_w, int64_t k, float* sums) {
  const auto* a = reinterpret_cast<const uint32_t*>(packed);
  __m512 c[4][kRows];
#pragma GCC unroll 4
  for (auto& part : c) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) part[row] = _mm512_setzero_ps();
  }
  constexpr int64_t kTileBytes = Bf16Step::kSecondHalf;
  for (; k > 0; k -= Bf16Step::kPadK, w += 2 * kTileBytes, other_w += 2 * kTileBytes, a += Bf16Step::kSteps * kRows) {
    tile_pair<kRows>(a, w, other_w, c[0], c[2]);
    tile_pair<kRows>(a, w + kTileBytes, other_w + kTileBytes, c[1], c[3]);
  }
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      _mm512_storeu_ps(sums + ((part / 2) * kRows + row) * kPanelCols + part % 2 * 16, c[part][row]);
    }
  }
}

template <typename Step>
struct Avx512Kernel {
  static constexpr int64_t kBlockRows = 12;
  static constexpr int64_t kUnitK = Step::kSteps * Step::kK;
  static constexpr int64_t kPadK = Step::kPadK;
  static constexpr int64_t kBytesPerK = sizeof(typename Step::Element) / Step::kK;
  static constexpr bool kIsOnePass = true;

  // bfloat16, so many rows take two panels at a time.
  static constexpr int64_t kPairRows = std::is_same_v<Step, Bf16Step> ? 5 : 0;

  // bfloat16, so many rows are read in order of the addresses; more, or float32, step by step.
  static constexpr int kRowsInOrder = std::is_same_v<Step, Bf16Step> ? 1 : 0;

  // Few rows wait for memory alone, more for memory and arithmetic (docs/decisions.md has the figures).
  static FetchAhead fetch_ahead(int64_t rows) {
    if (rows <= kRowsInOrder) return {.near = 0, .far = 4096};
    return rows <= 4 ? FetchAhead{.near = 8192, .far = 0} : FetchAhead{.near = 2048, .far = 32768};
  }

  explicit Avx512Kernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows; }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    Step::pack(source, first, rows, k, out);
  }
  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                Prefetch prefetch) const {
    static constexpr Multiply kMultiply[kBlockRows] = {kernel<1>(), kernel<2>(),  kernel<3>(),  kernel<4>(),
                                                       kernel<5>(), kernel<6>(),  kernel<7>(),  kernel<8>(),
                                                       kernel<9>(), kernel<10>(), kernel<11>(), kernel<12>()};
    kMultiply[rows - 1](a, w, k, sums, resume, prefetch);
  }
  void multiply_pair(int64_t rows, const std::byte* a, const std::byte* w, const std::byte* other_w, int64_t k,
                     float* sums) const {
    using MultiplyPair = void (*)(const std::byte*, const std::byte*, const std::byte*, int64_t, float*);
    static constexpr MultiplyPair kMultiply[] = {multiply_pair_rows<1>, multiply_pair_rows<2>, multiply_pair_rows<3>,
                                                 multiply_pair_rows<4>, multiply_pair_rows<5>};
    kMultiply[rows - 1](a, w, other_w, k, sums);
  }

 private:
  using Multiply = void (*)(const std::byte*, const std::byte*, int64_t, float*, bool, Prefetch);
  template <int kRows>
  static constexpr Multiply kernel() {
    if constexpr (kRows <= kRowsInOrder) {
      return multiply_in_order<kRows>;
    } else {
      return multiply_rows<Step, kRows>;
    }
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
