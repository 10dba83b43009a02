// vpdpbusd over vectors of 64 bytes: products of quantized weights and rounded rows in the layouts that checkpoints
// have. Included only by the tiers' files that have AVX-512 VNNI; each gets its own copy (matmul_tier.h says why).
// Tested by kernels/quantized_matmul_test.cc.
//
// Codes go straight from their planes into registers, 16 columns and 32 k at a time, and meet all rows of a block
// there. The rows' codes are broadcast by vpdpbusd itself, which g++ 12 does only in assembly (docs/decisions.md has
// the figures).
#pragma once

#include "braid/kernels/cpu/quantized_integer_inl.h"
#include "braid/kernels/cpu/quantized_known_layouts_inl.h"

namespace braid::cpu {
namespace {

// sums += weights · the four codes at `codes`, in every lane.
inline __attribute__((always_inline)) void add_quads(__m512i& sums, __m512i weights, const std::byte* codes) {
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sums) : "v"(weights), "m"(*reinterpret_cast<const int32_t(*)>(codes)));
}

template <int kBits, bool kIsTable, int kParts, QuantizedPanels::Offsets kOffsets>
class VnniKernel {
 public:
  using Offsets = QuantizedPanels::Offsets;
  using Record = RowRecord<int8_t, kParts>;
  using Half = ExpandedHalf<kParts, kOffsets>;
  static constexpr int64_t kBlockRows = 16;
  static constexpr int64_t kPadK = QuantizedPanels::kUnitK;
  static constexpr int64_t kPackedBytes = int64_t{640} << 10;
  static constexpr int64_t kHalfBytes = Half::kCodesAt;  // of a half's scales and offsets; codes are not unpacked
  static constexpr int64_t kExpandedBytes = 2 * kHalfBytes;
  static constexpr int64_t kStretch = 16;  // it stays in L1 beside 16 rows
  static constexpr int64_t kAloneRows = 8;
  static constexpr int64_t kMostPanels = 4;
  static constexpr int64_t panels_at_once(int64_t rows) { return rows <= 2 ? 4 : (rows <= 4 ? 2 : 1); }
  static constexpr int64_t kLineK = QuantizedPanels::kUnitK / 2;  // each half's unit fetches its part

  explicit VnniKernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) {
    if (rows <= 2) return rows;
    return rows <= 8 ? (rows + 1) / 2 * 2 : (rows + 3) / 4 * 4;
  }
  static constexpr int64_t row_bytes(int64_t k) { return k / QuantizedPanels::kUnitK * Record::kBytes; }
  static void pack(const PackedRowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_records<int8_t, kParts, kOffsets>(source, first, rows, packed_rows(rows), k, out);
  }
  static void expand(const QuantizedStretch& stretch) {
    expand_groups<kParts, kOffsets>(stretch.panels, stretch.panel, stretch.unit, stretch.units, kHalfBytes,
                                    stretch.expanded);
  }
  static void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums,
                       bool resume, const Prefetch& prefetch) {
    if (rows <= 12) return many_rows<12>(a, stretch, k, sums, resume, prefetch);
    many_rows<16>(a, stretch, k, sums, resume, prefetch);
  }
  static void multiply_alone(int64_t rows, const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w,
                             int64_t count, int64_t k, float* sums) {
    using Multiply = void (*)(const std::byte*, const QuantizedPanels&, const StreamedPanel*, int64_t, float*);
    static constexpr Multiply kOne[] = {few_rows<1, 1>, few_rows<2, 1>, few_rows<4, 1>, few_rows<4, 1>,
                                        few_rows<6, 1>, few_rows<6, 1>, few_rows<8, 1>, few_rows<8, 1>};
    static constexpr Multiply kAtOnce[] = {few_rows<1, 4>, few_rows<2, 4>, few_rows<4, 2>, few_rows<4, 2>};
    if (count > 1 && count == panels_at_once(rows)) return kAtOnce[rows - 1](a, panels, w, k, sums);
    for (int64_t panel = 0; panel < count; ++panel) {
      kOne[rows - 1](a, panels, w + panel, k, sums + panel * packed_rows(rows) * kPanelCols);
    }
  }

 private:
  static constexpr int64_t kHalfCodeBytes = int64_t{64} * kBits;
  // Few rows fetch a unit's codes and about its groups, kNear bytes ahead into L1, and kFar bytes further ahead into
  // L2: so many lines while the first half's unit is multiplied, and kBits or one more with the second. A line that is
  // left out, one of 17 with 8 bits, makes eight rows a fifth slower.
  static constexpr int64_t kNear = 3072;
  static constexpr int64_t kFar = 8192;
  static constexpr int kFirstLines = kBits + 1;
  static constexpr int kSecondLines = kBits + (kParts == 2 || kOffsets != Offsets::kFixedZero ? 1 : 0);

  // Where lines are fetched from while others are multiplied.
  struct Fetched {
    const std::byte* near = nullptr;  // into L1
    const std::byte* far = nullptr;   // into L2
    Fetched behind(int64_t lines) const { return {.near = near + lines * 64, .far = far + lines * 64}; }
  };

  // A half's unit: 8 vectors of 16 columns and 4 k.
  static inline __attribute__((always_inline)) void load_codes(const std::byte* half, const CodeTable& table,
                                                               __m512i (&codes)[kHalfLines]) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      CodeWords words = code_words<kBits>(half, line, 0);
      if constexpr (kIsTable) words = table.of(words) ^ 0x80808080U;  // + kTableZero
      codes[line] = (__m512i)words;
    }
  }

  // What the zeros take from the sums (RowRecord).
  static inline __attribute__((always_inline)) __m512i first_sums(const std::byte* word, const std::byte* offsets) {
    const __m512i same = _mm512_set1_epi32(load_vector<int32_t>(word));
    if constexpr (kOffsets == Offsets::kFixedZero) return same;
    if constexpr (kOffsets == Offsets::kMinimums) return _mm512_setzero_si512();
    // Zeros and -Σ q fit 16 bits, and a zero's upper half is 0.
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_load_si512(offsets), same);
  }

  // kRows rows times a half's unit. Meanwhile it fetches kFetched lines.
  template <int kRows, int kFetched = 0>
  static inline __attribute__((always_inline)) void add_unit(const std::byte* a, const __m512i (&codes)[kHalfLines],
                                                             const std::byte* groups, __m512 (&sums)[kRows],
                                                             const Fetched& fetched = {}) {
    constexpr int kLines = kHalfLines / kParts;
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      const __m512 scale = _mm512_load_ps(groups + Half::kScalesAt + part * 64);
      const std::byte* offsets = groups + Half::kOffsetsAt + part * 64;
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) {
        if (part == 0) {
#pragma GCC unroll 16
          for (int line = row * kFetched / kRows; line < (row + 1) * kFetched / kRows; ++line) {
            __builtin_prefetch(fetched.near + line * 64, 0, 3);
            __builtin_prefetch(fetched.far + line * 64, 0, 2);
          }
        }
        const std::byte* record = a + row * Record::kBytes;
        const std::byte* word = record + Record::kWordsAt + part * 4;
        __m512i dots = first_sums(word, offsets);
#pragma GCC unroll 8
        for (int line = part * kLines; line < (part + 1) * kLines; ++line) {
          add_quads(dots, codes[line], record + line * 4);
        }
        const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(load_vector<float>(record + Record::kScaleAt)));
        sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), factor, sums[row]);
        if constexpr (kOffsets == Offsets::kMinimums) {
          sums[row] = _mm512_fmadd_ps(_mm512_load_ps(offsets), _mm512_set1_ps(load_vector<float>(word)), sums[row]);
        }
      }
    }
  }

  template <int kRows>
  static inline __attribute__((always_inline)) void load_sums(const float* from, bool resume, __m512 (&sums)[kRows]) {
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      sums[row] = resume ? _mm512_loadu_ps(from + row * kPanelCols) : _mm512_setzero_ps();
    }
  }
  template <int kRows>
  static inline __attribute__((always_inline)) void store_sums(const __m512 (&sums)[kRows], float* to) {
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) _mm512_storeu_ps(to + row * kPanelCols, sums[row]);
  }

  // The sums of both halves of kPanels panels are in registers: the codes are read once, in order, several panels in
  // turns as streams. A few units' scales at a time are unpacked, so that reading hardly pauses. What comes next is
  // fetched in the order of its addresses, at the pace of the units: first the next panel's scales, then its codes.
  template <int kRows, int kPanels>
  static void few_rows(const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w, int64_t k,
                       float* sums) {
    constexpr int64_t kUnitsAtOnce = 4;
    constexpr int64_t kUnpackedBytes = kUnitsAtOnce * 2 * kHalfBytes;
    const CodeTable table(panels.table);
    const int64_t units = k / QuantizedPanels::kUnitK;
    const int64_t ahead_step = units > 0 ? panels.panel_bytes / units : 0;
    int64_t ahead = kNear;
    alignas(64) std::byte unpacked[kPanels * kUnpackedBytes];
    __m512 left[kPanels][kRows];
    __m512 right[kPanels][kRows];
    const std::byte* codes[kPanels];
#pragma GCC unroll 4
    for (int panel = 0; panel < kPanels; ++panel) {
      load_sums(sums, false, left[panel]);
      load_sums(sums, false, right[panel]);
      codes[panel] = w[panel].panel + panels.codes_at;
    }
    for (int64_t unit = 0; unit < units; unit += kUnitsAtOnce) {
      const int64_t count = at_most(kUnitsAtOnce, units - unit);
      for (int panel = 0; panel < kPanels; ++panel) {
        expand_groups<kParts, kOffsets>(panels, w[panel].panel, unit, count, kHalfBytes,
                                        unpacked + panel * kUnpackedBytes);
      }
      const std::byte* groups = unpacked;
      for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 4
        for (int panel = 0; panel < kPanels; ++panel) {
          const std::byte* panel_groups = groups + panel * kUnpackedBytes;
          const Fetched fetched = {.near = w[panel].ahead(ahead, panels.panel_bytes),
                                   .far = w[panel].ahead(ahead + kFar, panels.panel_bytes)};
          __m512i vectors[kHalfLines];
          load_codes(codes[panel], table, vectors);
          add_unit<kRows, kFirstLines>(a, vectors, panel_groups, left[panel], fetched);
          asm volatile("" : : : "memory");  // else g++ keeps the rows' words for the other half, on the stack
          load_codes(codes[panel] + kHalfCodeBytes, table, vectors);
          add_unit<kRows, kSecondLines>(a, vectors, panel_groups + kHalfBytes, right[panel],
                                        fetched.behind(kFirstLines));
          asm volatile("" : : : "memory");
          codes[panel] += 2 * kHalfCodeBytes;
        }
        groups += 2 * kHalfBytes;
        a += kRows * Record::kBytes;
        ahead += ahead_step;
      }
    }
#pragma GCC unroll 4
    for (int panel = 0; panel < kPanels; ++panel) {
      store_sums(left[panel], sums + panel * kRows * kPanelCols);
      store_sums(right[panel], sums + panel * kRows * kPanelCols + kHalfCols);
    }
  }

  // One half after the other.
  template <int kRows>
  static void many_rows(const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums, bool resume,
                        Prefetch prefetch) {
    const CodeTable table(stretch.panels.table);
    for (int64_t half = 0; half < 2; ++half) {
      const std::byte* rows = a;
      const std::byte* codes = stretch.codes() + half * kHalfCodeBytes;
      const std::byte* groups = stretch.expanded + half * kHalfBytes;
      __m512 half_sums[kRows];
      load_sums(sums + half * kHalfCols, resume, half_sums);
      for (int64_t left = k; left > 0; left -= QuantizedPanels::kUnitK) {
        prefetch.all_lines();
        prefetch.next();
        __m512i vectors[kHalfLines];
        load_codes(codes, table, vectors);
        add_unit<kRows>(rows, vectors, groups, half_sums);
        codes += 2 * kHalfCodeBytes;
        groups += 2 * kHalfBytes;
        rows += kRows * Record::kBytes;
      }
      store_sums(half_sums, sums + half * kHalfCols);
    }
  }
};

}  // namespace
}  // namespace braid::cpu
