// Products of quantized weights and rounded rows on AVX2. Tested by kernels/quantized_matmul_test.cc.
//
// Codes of up to 6 bits stay bytes: vpmaddubsw multiplies quads, and its sums of 16 bits cannot saturate, because only
// as many are added up as fit. 8 bits and tables would not fit: their bytes become pairs of 16 bits for vpmaddwd, in
// the order that a shift and a mask have them (the even k of each quad, then the odd ones), and the rows' codes follow
// it.
//
// Up to 4 rows alone read the panels' codes straight into registers. More rows share a stretch that is unpacked in L1,
// 4 rows and 16 columns at a time. Formats that no checkpoint has take the generic kernels.
#include <immintrin.h>

#include "braid/kernels/cpu/quantized_integer_inl.h"
#include "braid/kernels/cpu/quantized_known_layouts_inl.h"

namespace braid::cpu {
namespace {

inline __attribute__((always_inline)) __m256i broadcast_codes(const std::byte* from) {
  return _mm256_set1_epi32(load_vector<int32_t>(from));
}

// Keeps g++ from adding in another order, which takes more registers than there are.
inline __attribute__((always_inline)) void keep_order(__m256i& sums) {
  asm volatile("" : "+x"(sums));
}

template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
class Avx2QuantizedKernel {
 public:
  using Offsets = QuantizedPanels::Offsets;
  static constexpr bool kHasBytes = !kIsTable && kBits <= 6;
  using Code = std::conditional_t<kHasBytes, int8_t, int16_t>;
  using Record = RowRecord<Code, kParts>;
  using Half = ExpandedHalf<kParts, kOffsets>;
  static constexpr int64_t kBlockRows = 4;
  static constexpr int64_t kPadK = QuantizedPanels::kUnitK;
  static constexpr int64_t kPackedBytes = int64_t{256} << 10;
  static constexpr int64_t kHalfBytes = Half::kCodesAt + (kHasBytes ? 512 : 1024);
  static constexpr int64_t kExpandedBytes = 2 * kHalfBytes;
  static constexpr int64_t kStretch = 8;
  static constexpr int64_t kAloneRows = 4;
  static constexpr int64_t kMostPanels = 2;
  static constexpr int64_t panels_at_once(int64_t rows) { return rows == 1 ? 2 : 1; }
  static constexpr int64_t kLineK = QuantizedPanels::kUnitK;

  explicit Avx2QuantizedKernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows <= 2 ? rows : 4; }
  static constexpr int64_t row_bytes(int64_t k) { return k / QuantizedPanels::kUnitK * Record::kBytes; }
  static void pack(const PackedRowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_records<Code, kParts, kOffsets, !kHasBytes>(source, first, rows, packed_rows(rows), k, out);
  }

  static void expand(const QuantizedStretch& stretch) {
    const QuantizedPanels& panels = stretch.panels;
    const CodeTable table(panels.table);
    std::byte* out = stretch.expanded;
    expand_groups<kParts, kOffsets>(panels, stretch.panel, stretch.unit, stretch.units, kHalfBytes, out);
    const std::byte* codes = stretch.codes();
    for (int64_t half = 0; half < 2 * stretch.units; ++half, codes += kHalfCodeBytes, out += kHalfBytes) {
      for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
        for (int line = 0; line < kHalfLines; ++line) {
          const __m256i bytes = code_bytes(codes, line, v, table);
          std::byte* to = out + Half::kCodesAt + v * 32;
          if constexpr (kHasBytes) {
            store_vector(to + line * 64, bytes);
          } else {
            store_vector(to + line * 128, even_words(bytes));
            store_vector(to + line * 128 + 64, odd_words(bytes));
          }
        }
      }
    }
  }

  static void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums,
                       bool resume, const Prefetch& prefetch) {
    const std::byte* expanded = stretch.expanded;
    switch (packed_rows(rows)) {
      case 1:
        return multiply_rows<1>(a, expanded, k, sums, resume, prefetch);
      case 2:
        return multiply_rows<2>(a, expanded, k, sums, resume, prefetch);
      default:
        return multiply_rows<4>(a, expanded, k, sums, resume, prefetch);
    }
  }

  static void multiply_alone(int64_t rows, const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w,
                             int64_t count, int64_t k, float* sums) {
    using Multiply = void (*)(const std::byte*, const QuantizedPanels&, const StreamedPanel*, int64_t, float*);
    static constexpr Multiply kOne[] = {few_rows<1, 1>, few_rows<2, 1>, few_rows<4, 1>, few_rows<4, 1>};
    if (count == 2) return few_rows<1, 2>(a, panels, w, k, sums);
    kOne[rows - 1](a, panels, w, k, sums);
  }

 private:
  static constexpr int64_t kHalfCodeBytes = int64_t{64} * kBits;
  static constexpr int kLines = kHalfLines / kParts;  // of a part
  // Lines whose products fit 16 bits together: 2 lines · 2 · 63 · 128, 4 lines · 2 · 31 · 128, 8 lines · 2 · 15 · 128.
  static constexpr int kSumLines = kBits <= 4 ? kLines : (kBits == 5 ? 4 : 2);
  // Few rows wait for memory: codes are fetched into L1 so many bytes before they are read, and what comes next at the
  // pace of the units.
  static constexpr int64_t kNear = 1024;
  static constexpr int kLinesAhead = 2 * kBits + (kParts == 2 || kOffsets != Offsets::kFixedZero ? 2 : 1);  // of a unit
  // A unit of many lines asks for them one by one while it multiplies: all at once, they take the misses that a core
  // may wait for, and nothing is multiplied meanwhile. Units of few lines are faster with all at once.
  static constexpr bool fetches_in_steps(int64_t rows) {
    return rows == 1 && kBits >= 6;
  }

  static inline __attribute__((always_inline)) __m256i code_bytes(const std::byte* half, int line, int v,
                                                                  const CodeTable& table) {
    CodeWords words = code_words<kBits>(half, line, v * 32);
    if constexpr (kIsTable) words = table.of(words) ^ 0x80808080U;  // + kTableZero
    return (__m256i)words;
  }
  static inline __attribute__((always_inline)) __m256i even_words(__m256i bytes) {
    return _mm256_and_si256(bytes, _mm256_set1_epi16(0xff));
  }
  static inline __attribute__((always_inline)) __m256i odd_words(__m256i bytes) {
    return _mm256_srli_epi16(bytes, 8);
  }

  // The order in which a part takes its lines: those that share a plane's nibbles follow each other.
  static constexpr int line_of(int part, int index) {
    return kParts == 1 ? index / 2 + index % 2 * 4 : part * kLines + index;
  }

  // With what a part's sums begin: what the zeros take from them (RowRecord).
  static inline __attribute__((always_inline)) __m256i first_sums(const std::byte* word, const std::byte* offsets) {
    if constexpr (kOffsets == Offsets::kFixedZero) return broadcast_codes(word);
    if constexpr (kOffsets == Offsets::kMinimums) return _mm256_setzero_si256();
    return _mm256_mullo_epi32(load_vector<__m256i>(offsets), broadcast_codes(word));
  }

  // A part's integer sums of 8 columns go to a row's sums.
  static inline __attribute__((always_inline)) __m256 finished(__m256i dots, const std::byte* record, int part,
                                                               const std::byte* groups, __m256 sums) {
    const std::byte* word = record + Record::kWordsAt + part * 4;
    const std::byte* offsets = groups + Half::kOffsetsAt + part * 64;
    if constexpr (kOffsets != Offsets::kMinimums) dots = _mm256_add_epi32(dots, first_sums(word, offsets));
    const __m256 factor = _mm256_mul_ps(load_vector<__m256>(groups + Half::kScalesAt + part * 64),
                                        _mm256_set1_ps(load_vector<float>(record + Record::kScaleAt)));
    sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), factor, sums);
    if constexpr (kOffsets == Offsets::kMinimums) {
      sums = _mm256_fmadd_ps(load_vector<__m256>(offsets), _mm256_set1_ps(load_vector<float>(word)), sums);
    }
    return sums;
  }

  // kRows rows times a part of a unit, 8 columns for each of kVectors: dots [kVectors][kRows]. weights.bytes(line, v)
  // returns a line's bytes, words(line, is_odd, v) its words. fetch(step) may fetch what comes next, in kHalfLines
  // steps.
  template <int kRows, int kVectors, typename Weights>
  static inline __attribute__((always_inline)) void add_part(const std::byte* a, int part, const Weights& weights,
                                                             __m256i (&dots)[kVectors][kRows]) {
    if constexpr (kHasBytes) {
      const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
      for (int first = 0; first < kLines; first += kSumLines) {
        __m256i halves[kVectors][kRows];
#pragma GCC unroll 8
        for (int i = 0; i < kSumLines; ++i) {
          const int line = line_of(part, first + i);
          weights.fetch(part * kLines + first + i);
          __m256i bytes[kVectors];
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) bytes[v] = weights.bytes(line, v);
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
            const __m256i codes = broadcast_codes(a + row * Record::kBytes + line * 4);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
              const __m256i products = _mm256_maddubs_epi16(bytes[v], codes);
              halves[v][row] = i == 0 ? products : _mm256_add_epi16(halves[v][row], products);
              keep_order(halves[v][row]);
            }
          }
        }
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
            const __m256i words = _mm256_madd_epi16(halves[v][row], ones);
            dots[v][row] = first == 0 ? words : _mm256_add_epi32(dots[v][row], words);
            keep_order(dots[v][row]);
          }
        }
      }
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < kLines; ++i) {
        const int line = line_of(part, i);
        weights.fetch(part * kLines + i);
#pragma GCC unroll 2
        for (int odd = 0; odd < 2; ++odd) {
          __m256i words[kVectors];
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) words[v] = weights.words(line, odd, v);
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
            const __m256i codes = broadcast_codes(a + row * Record::kBytes + line * 8 + odd * 4);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
              const __m256i products = _mm256_madd_epi16(words[v], codes);
              dots[v][row] = i + odd == 0 ? products : _mm256_add_epi32(dots[v][row], products);
              keep_order(dots[v][row]);
            }
          }
        }
      }
    }
  }

  // Weights from a panel's planes, and from an unpacked stretch.
  template <bool kFetches>
  struct PackedWeights {
    const std::byte* codes;
    int first;  // vector of the panel
    const CodeTable& table;
    const std::byte* ahead;
    inline __attribute__((always_inline)) void fetch(int step) const {
      if constexpr (kFetches) {
#pragma GCC unroll 4
        for (int line = step * kLinesAhead / kHalfLines; line < (step + 1) * kLinesAhead / kHalfLines; ++line) {
          __builtin_prefetch(ahead + line * 64, 0, 3);
        }
      }
    }
    inline __attribute__((always_inline)) __m256i bytes(int line, int v) const {
      const int vector = first + v;
      return code_bytes(codes + vector / kLineVectors * kHalfCodeBytes, line, vector % kLineVectors, table);
    }
    inline __attribute__((always_inline)) __m256i words(int line, int odd, int v) const {
      const __m256i line_bytes = bytes(line, v);
      return odd != 0 ? odd_words(line_bytes) : even_words(line_bytes);
    }
  };
  struct UnpackedWeights {
    const std::byte* codes;
    inline __attribute__((always_inline)) void fetch(int) const {}
    inline __attribute__((always_inline)) __m256i bytes(int line, int v) const {
      return load_vector<__m256i>(codes + line * 64 + v * 32);
    }
    inline __attribute__((always_inline)) __m256i words(int line, int odd, int v) const {
      return load_vector<__m256i>(codes + line * 128 + odd * 64 + v * 32);
    }
  };

  // The codes of kPanels panels are read once, in order, in turns as streams. A few units' scales at a time are
  // unpacked, so that reading hardly pauses. What comes next is fetched at the pace of the units: first the next
  // panel's scales, then its codes.
  template <int kRows, int kPanels>
  static void few_rows(const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w, int64_t k,
                       float* sums) {
    constexpr int64_t kUnitsAtOnce = 8;
    constexpr int64_t kGroupBytes = Half::kCodesAt;
    constexpr int64_t kUnpackedBytes = kUnitsAtOnce * 2 * kGroupBytes;
    constexpr int kPanelVectors = 2 * kLineVectors;
    constexpr int kVectorsAtOnce = kRows == 1 ? kPanelVectors : 1;
    const CodeTable table(panels.table);
    const int64_t units = k / QuantizedPanels::kUnitK;
    const int64_t ahead_step = units > 0 ? panels.panel_bytes / units : 0;
    alignas(64) std::byte unpacked[kPanels * kUnpackedBytes];
    __m256 totals[kPanels][kPanelVectors][kRows];
    const std::byte* codes[kPanels];
    int64_t ahead = panels.codes_at + kNear;
#pragma GCC unroll 2
    for (int panel = 0; panel < kPanels; ++panel) {
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVectors; ++v) {
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row) totals[panel][v][row] = _mm256_setzero_ps();
      }
      codes[panel] = w[panel].panel + panels.codes_at;
    }
    for (int64_t unit = 0; unit < units; unit += kUnitsAtOnce) {
      const int64_t count = at_most(kUnitsAtOnce, units - unit);
      for (int panel = 0; panel < kPanels; ++panel) {
        expand_groups<kParts, kOffsets>(panels, w[panel].panel, unit, count, kGroupBytes,
                                        unpacked + panel * kUnpackedBytes);
      }
      const std::byte* groups = unpacked;
      for (int64_t i = 0; i < count; ++i, groups += 2 * kGroupBytes, a += kRows * Record::kBytes) {
#pragma GCC unroll 2
        for (int panel = 0; panel < kPanels; ++panel) {
          const std::byte* const fetched = w[panel].ahead(ahead, panels.panel_bytes);
          if constexpr (!fetches_in_steps(kRows)) {
#pragma GCC unroll 18
            for (int line = 0; line < kLinesAhead; ++line) __builtin_prefetch(fetched + line * 64, 0, 3);
          }
#pragma GCC unroll 4
          for (int v = 0; v < kPanelVectors; v += kVectorsAtOnce) {
            const PackedWeights<fetches_in_steps(kRows)> weights = {codes[panel], v, table, fetched};
#pragma GCC unroll 2
            for (int part = 0; part < kParts; ++part) {
              __m256i dots[kVectorsAtOnce][kRows];
              add_part<kRows, kVectorsAtOnce>(a, part, weights, dots);
#pragma GCC unroll 4
              for (int own = 0; own < kVectorsAtOnce; ++own) {
                const int vector = v + own;
                const std::byte* of_panel = groups + panel * kUnpackedBytes;
                const std::byte* half_groups =
                    of_panel + vector / kLineVectors * kGroupBytes + vector % kLineVectors * 32;
#pragma GCC unroll 4
                for (int row = 0; row < kRows; ++row) {
                  totals[panel][vector][row] =
                      finished(dots[own][row], a + row * Record::kBytes, part, half_groups, totals[panel][vector][row]);
                }
              }
            }
            asm volatile("" : : : "memory");  // else g++ keeps the rows' codes for the other vectors, on the stack
          }
          codes[panel] += 2 * kHalfCodeBytes;
        }
        ahead += ahead_step;
      }
    }
#pragma GCC unroll 2
    for (int panel = 0; panel < kPanels; ++panel) {
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVectors; ++v) {
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row) {
          _mm256_storeu_ps(sums + (panel * kRows + row) * kPanelCols + v * 8, totals[panel][v][row]);
        }
      }
    }
  }

  template <int kRows>
  static void multiply_rows(const std::byte* a, const std::byte* expanded, int64_t k, float* sums, bool resume,
                            Prefetch prefetch) {
    if (!resume) __builtin_memset(sums, 0, kRows * kPanelCols * sizeof(float));
    for (; k > 0; k -= QuantizedPanels::kUnitK, a += kRows * Record::kBytes) {
      prefetch.all_lines();
      prefetch.next();
      for (int64_t half = 0; half < 2; ++half, expanded += kHalfBytes) {
        float* half_sums = sums + half * kHalfCols;
        for (int part = 0; part < kParts; ++part) {
          __m256i dots[2][kRows];
          add_part<kRows, 2>(a, part, UnpackedWeights{expanded + Half::kCodesAt}, dots);
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
            for (int v = 0; v < 2; ++v) {
              float* at = half_sums + row * kPanelCols + v * 8;
              _mm256_storeu_ps(
                  at, finished(dots[v][row], a + row * Record::kBytes, part, expanded + v * 32, _mm256_loadu_ps(at)));
            }
          }
        }
      }
    }
  }
};

struct Avx2Tier {
  RowCodes codes;
  template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
  MatmulTier operator()() const {
    return rounded_tier_of<Avx2QuantizedKernel<kBits, kIsTable, kParts, kOffsets>>(codes);
  }
};

}  // namespace

MatmulTier avx2_int8(const QuantizedPanels& panels, RowCodes codes) {
  return with_known_layout(panels, Avx2Tier{codes}, [&] { return integer_tier_of<PairDots>(panels, codes); });
}

}  // namespace braid::cpu
