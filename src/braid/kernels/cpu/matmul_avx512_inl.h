// The kernel of the AVX-512 tiers, over a Step that defines how a line of weights is multiplied. Included only by the
// tiers' files; each gets its own copy (matmul_tier.h says why).
//
// A Step has
//   Element              of packed rows
//   kK, kTerms           inputs (k) of a step; multiply-adds for them, each with an Element of its own
//   element_of(index)    the Element that the index-th multiply-add takes
//   kStepBytes           from one step's weights to the next, within the 2 KB of kSteps steps
//   kSecondHalf          from columns 0…15 to 16…31
//   kPadK                K is padded with zeros to a multiple of this
//   kPairRows            up to this many rows alone take two panels at a time (bfloat16's tiles); 0: never
//   kStreamRows          up to this many rows alone take kStreams panels tile by tile in turns (bfloat16's tiles), each
//                        fetched kStreamAhead bytes ahead into L1; 0: never
//   fetch_ahead(rows)    for one block of rows alone, if there are more (docs/decisions.md has all these figures)
//   term(line, index)    the part of a line that the index-th multiply-add takes
//   multiply_add(sum, element, term)
//   pack(source, first, rows, k, out)
#pragma once

#include <immintrin.h>

#include "braid/kernels/cpu/matmul_driver.h"

namespace braid::cpu {
namespace {

// Transposes: lines[i] element j becomes lines[j] element i, of 32 bits each.
inline __attribute__((always_inline)) void transpose(__m512i (&lines)[16]) {
  __m512i other[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {  // within each 128-bit lane, pairs of rows
    other[i] = _mm512_unpacklo_epi32(lines[i], lines[i + 1]);
    other[i + 1] = _mm512_unpackhi_epi32(lines[i], lines[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {  // quads of rows: lines[i + j] has, in lane l, column 4 l + j
    lines[i] = _mm512_unpacklo_epi64(other[i], other[i + 2]);
    lines[i + 1] = _mm512_unpackhi_epi64(other[i], other[i + 2]);
    lines[i + 2] = _mm512_unpacklo_epi64(other[i + 1], other[i + 3]);
    lines[i + 3] = _mm512_unpackhi_epi64(other[i + 1], other[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {  // lanes of columns j, 4 + j and 8 + j, 12 + j
    other[j] = _mm512_shuffle_i32x4(lines[j], lines[4 + j], 0x88);
    other[4 + j] = _mm512_shuffle_i32x4(lines[j], lines[4 + j], 0xdd);
    other[8 + j] = _mm512_shuffle_i32x4(lines[8 + j], lines[12 + j], 0x88);
    other[12 + j] = _mm512_shuffle_i32x4(lines[8 + j], lines[12 + j], 0xdd);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    lines[j] = _mm512_shuffle_i32x4(other[j], other[8 + j], 0x88);
    lines[8 + j] = _mm512_shuffle_i32x4(other[j], other[8 + j], 0xdd);
    lines[4 + j] = _mm512_shuffle_i32x4(other[4 + j], other[12 + j], 0x88);
    lines[12 + j] = _mm512_shuffle_i32x4(other[4 + j], other[12 + j], 0xdd);
  }
}

// A mask of the first `count` of kLanes elements: none if count is negative, at most all.
template <int kLanes, typename Mask = __mmask16>
inline Mask first_of(int64_t count) {
  return static_cast<Mask>((uint64_t{1} << at_most(count < 0 ? 0 : count, kLanes)) - 1);
}

// Packs `rows` rows as [num_elements][rows] of 32 bits. load(row's bytes, first element) returns 16 elements of a row,
// zeros beyond its end.
template <typename Load>
inline void pack_transposed(const RowSource& source, int64_t first, int64_t rows, int64_t num_elements,
                            const Load& load, std::byte* out) {
  const std::byte* in[16];
  for (int64_t row = 0; row < rows; ++row) in[row] = source.row(first + row);
  const auto row_mask = first_of<16>(rows);
  for (int64_t element = 0; element < num_elements; element += 16) {
    const int64_t count = at_most(16, num_elements - element);
    if (rows == 1) {
      _mm512_mask_storeu_epi32(out, first_of<16>(count), load(in[0], element));
      out += count * 4;
      continue;
    }
    __m512i lines[16];
#pragma GCC unroll 16
    for (int row = 0; row < 16; ++row) lines[row] = row < rows ? load(in[row], element) : _mm512_setzero_si512();
    transpose(lines);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      if (i == count) break;
      _mm512_mask_storeu_epi32(out + i * rows * 4, row_mask, lines[i]);
    }
    out += count * rows * 4;
  }
}

struct F32Step {
  using Element = float;
  static constexpr int64_t kK = 1;
  static constexpr int kTerms = 1;
  static constexpr int64_t kSteps = 16;
  static constexpr int64_t kStepBytes = 128;
  static constexpr int64_t kSecondHalf = 64;
  static constexpr int64_t kPadK = 1;
  static constexpr int64_t kPairRows = 0;
  static constexpr int64_t kStreamRows = 0;
  static constexpr FetchAhead fetch_ahead(int64_t rows) {
    return rows <= 4 ? FetchAhead{.near = 8192, .far = 0} : FetchAhead{.near = 2048, .far = 32768};
  }
  static constexpr int element_of(int) { return 0; }
  static inline __attribute__((always_inline)) __m512i term(__m512i line, int) { return line; }
  static inline __attribute__((always_inline)) __m512 multiply_add(__m512 sum, float a, __m512i term) {
    return _mm512_fmadd_ps(_mm512_set1_ps(a), _mm512_castsi512_ps(term), sum);
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    const auto load = [k](const std::byte* row, int64_t at) {
      return _mm512_maskz_loadu_epi32(first_of<16>(k - at), row + at * 4);
    };
    pack_transposed(source, first, rows, k, load, out);
  }
};

template <typename Step, int kRows>
inline __attribute__((always_inline)) void one_step(const typename Step::Element* a, const std::byte* w,
                                                    __m512 (&left)[kRows], __m512 (&right)[kRows]) {
  const __m512i left_line = _mm512_loadu_si512(w);
  const __m512i right_line = _mm512_loadu_si512(w + Step::kSecondHalf);
#pragma GCC unroll 2
  for (int index = 0; index < Step::kTerms; ++index) {
    const auto* elements = a + Step::element_of(index) * kRows;
    const auto left_term = Step::term(left_line, index);
    const auto right_term = Step::term(right_line, index);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      left[row] = Step::multiply_add(left[row], elements[row], left_term);
      right[row] = Step::multiply_add(right[row], elements[row], right_term);
    }
  }
}

template <typename Step, int kRows, typename Ahead>
inline __attribute__((always_inline)) void multiply_stretch(const std::byte* packed, const std::byte* w, int64_t k,
                                                            float* sums, bool resume, Ahead prefetch) {
  const auto* a = reinterpret_cast<const typename Step::Element*>(packed);
  __m512 left[kRows];
  __m512 right[kRows];
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    left[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols) : _mm512_setzero_ps();
    right[row] = resume ? _mm512_loadu_ps(sums + row * kPanelCols + 16) : _mm512_setzero_ps();
  }
  constexpr bool kIsAlone = !std::is_same_v<Ahead, Prefetch>;  // else half as many lines are enough
  constexpr int64_t kUnitK = Step::kSteps * Step::kK;
  for (; k >= kUnitK; k -= kUnitK) {
#pragma GCC unroll 4
    for (int64_t step = 0; step < Step::kSteps; ++step, a += kRows * Step::kTerms) {
      prefetch.at_line(2 * step);
      if constexpr (kIsAlone) prefetch.at_line(2 * step + 1);
      one_step<Step, kRows>(a, w + step * Step::kStepBytes, left, right);
    }
    prefetch.next();
    w += 2048;
  }
  for (; k > 0; k -= Step::kK, a += kRows * Step::kTerms, w += Step::kStepBytes) {
    one_step<Step, kRows>(a, w, left, right);
  }
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    _mm512_storeu_ps(sums + row * kPanelCols, left[row]);
    _mm512_storeu_ps(sums + row * kPanelCols + 16, right[row]);
  }
}

// `ahead` by reference: a copy, in wider pieces, of what was just written would wait for all earlier stores.
template <typename Step, int kRows>
void multiply_rows(const std::byte* packed, const std::byte* w, int64_t k, float* sums, bool resume,
                   const Prefetch& ahead) {
  multiply_stretch<Step, kRows>(packed, w, k, sums, resume, ahead);
}

template <typename Step, int kRows>
void multiply_rows_alone(const std::byte* packed, const std::byte* w, int64_t k, float* sums, OutputLines* output) {
  const AheadPrefetch<Step::fetch_ahead(kRows)> ahead = {.weights = w, .output = output};
  multiply_stretch<Step, kRows>(packed, w, k, sums, false, ahead);
}

// Multiplies a line by its elements of every row.
template <typename Step, int kRows>
inline __attribute__((always_inline)) void one_line(const typename Step::Element* a, __m512i line,
                                                    __m512 (&sums)[kRows]) {
#pragma GCC unroll 2
  for (int index = 0; index < Step::kTerms; ++index) {
    const auto* elements = a + Step::element_of(index) * kRows;
    const auto term = Step::term(line, index);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) sums[row] = Step::multiply_add(sums[row], elements[row], term);
  }
}

// One tile of each of two panels, line by line in turns.
template <typename Step, int kRows>
inline __attribute__((always_inline)) void tile_pair(const typename Step::Element* a, const std::byte* w,
                                                     const std::byte* other_w, __m512 (&sums)[kRows],
                                                     __m512 (&other_sums)[kRows]) {
#pragma GCC unroll 4
  for (int64_t step = 0; step < Step::kSteps; ++step, a += kRows * Step::kTerms) {
    one_line<Step, kRows>(a, _mm512_loadu_si512(w + step * 64), sums);
    one_line<Step, kRows>(a, _mm512_loadu_si512(other_w + step * 64), other_sums);
  }
}

// Two panels from one end of K to the other; their sums go to `sums` [2][kRows][32]. Each panel is read in the order of
// its addresses, as two streams that the processor's prefetcher follows better than prefetch instructions would.
template <typename Step, int kRows>
void multiply_pair_rows(const std::byte* packed, const std::byte* w, const std::byte* other_w, int64_t k, float* sums) {
  const auto* a = reinterpret_cast<const typename Step::Element*>(packed);
  __m512 c[4][kRows];
#pragma GCC unroll 4
  for (auto& part : c) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) part[row] = _mm512_setzero_ps();
  }
  constexpr int64_t kTileBytes = Step::kSecondHalf;
  for (; k > 0;
       k -= Step::kPadK, w += 2 * kTileBytes, other_w += 2 * kTileBytes, a += Step::kSteps * Step::kTerms * kRows) {
    tile_pair<Step, kRows>(a, w, other_w, c[0], c[2]);
    tile_pair<Step, kRows>(a, w + kTileBytes, other_w + kTileBytes, c[1], c[3]);
  }
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      _mm512_storeu_ps(sums + ((part / 2) * kRows + row) * kPanelCols + part % 2 * 16, c[part][row]);
    }
  }
}

// One tile of kPanels panels, `stride` bytes apart: their sums [kPanels][kRows][32] += the rows' 32 k · the tile. Two
// panels share the rows' broadcasts.
template <typename Step, int kRows, int kPanels>
inline __attribute__((always_inline)) void tile_of_streams(const typename Step::Element* a, const std::byte* w,
                                                           int64_t stride, float* sums) {
  __m512 c[kPanels][kRows];
  const auto at = [&](int panel, int row) { return sums + (panel * kRows + row) * kPanelCols; };
#pragma GCC unroll 2
  for (int panel = 0; panel < kPanels; ++panel) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) c[panel][row] = _mm512_loadu_ps(at(panel, row));
  }
#pragma GCC unroll 4
  for (int64_t step = 0; step < Step::kSteps; ++step, a += kRows * Step::kTerms) {
    __m512i lines[kPanels];
#pragma GCC unroll 2
    for (int panel = 0; panel < kPanels; ++panel) {
      const std::byte* line = w + panel * stride + step * 64;
      __builtin_prefetch(line + Step::kStreamAhead, 0, 3);
      lines[panel] = _mm512_loadu_si512(line);
    }
#pragma GCC unroll 2
    for (int index = 0; index < Step::kTerms; ++index) {
      const auto* elements = a + Step::element_of(index) * kRows;
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
        for (int panel = 0; panel < kPanels; ++panel) {
          c[panel][row] = Step::multiply_add(c[panel][row], elements[row], Step::term(lines[panel], index));
        }
      }
    }
  }
#pragma GCC unroll 2
  for (int panel = 0; panel < kPanels; ++panel) {
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) _mm512_storeu_ps(at(panel, row), c[panel][row]);
  }
}

// `streams` panels, `stride` bytes apart, from one end of K to the other; their sums go to `sums` [streams][kRows][32].
// Takes a 1 KB tile of each in turns, each panel in the order of its addresses. Memory delivers more to several streams
// than to one, and the rows' elements of 32 k stay in L1 for all of them.
template <typename Step, int kRows>
void multiply_stream_rows(const std::byte* packed, const std::byte* w, int64_t stride, int64_t streams, int64_t k,
                          float* sums) {
  const auto* a = reinterpret_cast<const typename Step::Element*>(packed);
  for (int64_t i = 0; i < streams * kRows * kPanelCols; i += 16) _mm512_storeu_ps(sums + i, _mm512_setzero_ps());
  constexpr int64_t kTileBytes = Step::kSecondHalf;
  for (; k > 0; k -= Step::kPadK, w += 2 * kTileBytes, a += Step::kSteps * Step::kTerms * kRows) {
    for (int64_t stream = 0; stream < streams; stream += 2) {
      const std::byte* from = w + stream * stride;
      float* to = sums + stream * kRows * kPanelCols;
      for (int half = 0; half < 2; ++half) {
        if (stream + 1 < streams) {
          tile_of_streams<Step, kRows, 2>(a, from + half * kTileBytes, stride, to + half * 16);
        } else {
          tile_of_streams<Step, kRows, 1>(a, from + half * kTileBytes, stride, to + half * 16);
        }
      }
    }
  }
}

template <typename Step>
struct Avx512Kernel {
  static constexpr int64_t kBlockRows = 12;
  static constexpr int64_t kUnitK = Step::kSteps * Step::kK;
  static constexpr int64_t kPadK = Step::kPadK;
  static constexpr bool kIsOnePass = true;
  static constexpr int64_t kPackedBytes = int64_t{640} << 10;
  static constexpr int64_t kShortUnits = 4;
  static constexpr int64_t kStretchUnits = 32;

  static constexpr int64_t kPairRows = Step::kPairRows;
  static constexpr int64_t kStreamRows = Step::kStreamRows;

  explicit Avx512Kernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows; }
  static constexpr int64_t row_bytes(int64_t k) {
    return k * int64_t{sizeof(typename Step::Element) * Step::kTerms / Step::kK};
  }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    Step::pack(source, first, rows, k, out);
  }
  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                const Prefetch& ahead) const {
    using Multiply = void (*)(const std::byte*, const std::byte*, int64_t, float*, bool, const Prefetch&);
    static constexpr Multiply kMultiply[kBlockRows] = {
        multiply_rows<Step, 1>, multiply_rows<Step, 2>,  multiply_rows<Step, 3>,  multiply_rows<Step, 4>,
        multiply_rows<Step, 5>, multiply_rows<Step, 6>,  multiply_rows<Step, 7>,  multiply_rows<Step, 8>,
        multiply_rows<Step, 9>, multiply_rows<Step, 10>, multiply_rows<Step, 11>, multiply_rows<Step, 12>};
    kMultiply[rows - 1](a, w, k, sums, resume, ahead);
  }
  void multiply_alone(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums,
                      OutputLines* output) const {
    using Multiply = void (*)(const std::byte*, const std::byte*, int64_t, float*, OutputLines*);
    static constexpr Multiply kMultiply[kBlockRows] = {
        multiply_rows_alone<Step, 1>,  multiply_rows_alone<Step, 2>,  multiply_rows_alone<Step, 3>,
        multiply_rows_alone<Step, 4>,  multiply_rows_alone<Step, 5>,  multiply_rows_alone<Step, 6>,
        multiply_rows_alone<Step, 7>,  multiply_rows_alone<Step, 8>,  multiply_rows_alone<Step, 9>,
        multiply_rows_alone<Step, 10>, multiply_rows_alone<Step, 11>, multiply_rows_alone<Step, 12>};
    kMultiply[rows - 1](a, w, k, sums, output);
  }
  void multiply_pair(int64_t rows, const std::byte* a, const std::byte* w, const std::byte* other_w, int64_t k,
                     float* sums) const {
    using MultiplyPair = void (*)(const std::byte*, const std::byte*, const std::byte*, int64_t, float*);
    static constexpr MultiplyPair kMultiply[] = {multiply_pair_rows<Step, 1>, multiply_pair_rows<Step, 2>,
                                                 multiply_pair_rows<Step, 3>, multiply_pair_rows<Step, 4>,
                                                 multiply_pair_rows<Step, 5>};
    kMultiply[rows - 1](a, w, other_w, k, sums);
  }
  static constexpr int64_t kStreams = Step::kStreams;
  void multiply_streams(int64_t rows, const std::byte* a, const std::byte* w, int64_t stride, int64_t streams,
                        int64_t k, float* sums) const {
    using MultiplyStreams = void (*)(const std::byte*, const std::byte*, int64_t, int64_t, int64_t, float*);
    static constexpr MultiplyStreams kMultiply[] = {multiply_stream_rows<Step, 1>, multiply_stream_rows<Step, 2>,
                                                    multiply_stream_rows<Step, 3>, multiply_stream_rows<Step, 4>,
                                                    multiply_stream_rows<Step, 5>, multiply_stream_rows<Step, 6>,
                                                    multiply_stream_rows<Step, 7>, multiply_stream_rows<Step, 8>};
    kMultiply[rows - 1](a, w, stride, streams, k, sums);
  }
};

}  // namespace
}  // namespace braid::cpu
