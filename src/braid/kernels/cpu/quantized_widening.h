// Products with quantized weights and 16-bit (or float32) activations: a stretch of a panel is widened to the layout
// of plain weights, then a plain kernel multiplies it. So the bits are those of the same weights packed in the rows'
// type. Included only by the tiers' files; each gets its own copy (matmul_tier.h says why). Tested by
// kernels/quantized_matmul_test.cc.
#pragma once

#include "braid/kernels/cpu/quantized_driver.h"
#include "braid/kernels/cpu/quantized_e4m3.h"
#include "braid/kernels/cpu/quantized_unpack.h"

namespace braid::cpu {
namespace {

// to_bfloat16 of a line's even and odd k, side by side as packed pairs. Scales are finite, so a NaN is only E4M3's.
inline __attribute__((always_inline)) CodeWords rounded_pairs(CodeFloats even, CodeFloats odd) {
#if defined(__AVX512BF16__)
  // Denormals become 0 here already; the products would flush them.
  const CodeWords interleaved = {0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007,
                                 0x180008, 0x190009, 0x1a000a, 0x1b000b, 0x1c000c, 0x1d000d, 0x1e000e, 0x1f000f};
  const auto halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
  return (CodeWords)_mm512_permutexvar_epi16((__m512i)interleaved, halves);
#else
  const auto low = (CodeWords)even;
  const auto high = (CodeWords)odd;
  const CodeWords rounded_low = (low + 0x7fffU + ((low >> 16) & 1U)) >> 16;
  const CodeWords rounded_high = (high + 0x7fffU + ((high >> 16) & 1U)) & 0xffff0000U;
  return rounded_low | rounded_high;
#endif
}

// The layout of plain weights: where the four k of line `line` go, for the columns of a vector.
struct Bf16Layout {
  static constexpr int64_t kUnitBytes = 2048;
  static constexpr int64_t kHalfBytes = 1024;
  static inline __attribute__((always_inline)) void store(std::byte* half, int line, int v,
                                                          const CodeFloats (&elements)[4]) {
    std::byte* pair = half + line * 128 + v * (kWordLanes * 4);
    store_vector(pair, rounded_pairs(elements[0], elements[1]));
    store_vector(pair + 64, rounded_pairs(elements[2], elements[3]));
  }
};

struct F32Layout {
  static constexpr int64_t kUnitBytes = 4096;
  static constexpr int64_t kHalfBytes = 64;
  static inline __attribute__((always_inline)) void store(std::byte* half, int line, int v,
                                                          const CodeFloats (&elements)[4]) {
    for (int i = 0; i < 4; ++i) store_vector(half + (line * 4 + i) * 128 + v * (kWordLanes * 4), elements[i]);
  }
};

// The scales of a half's unit, and what is added or taken, for each part of 16 k.
struct HalfGroups {
  alignas(64) float scales[2][kHalfCols];
  alignas(64) float minimums[2][kHalfCols];
  alignas(64) int32_t zeros[2][kHalfCols];
};

// Of one unit: halves [2].
template <bool kHasMinimums>
inline void load_groups(const QuantizedPanels& panels, const std::byte* panel, int64_t unit, HalfGroups* halves) {
  with_scales(panels, [&](auto tag) {
    GroupWalk walk(panels, unit);
    auto scales = scales_of<tag.kValue>(panels, panel);
    auto minimums = minimums_of<tag.kValue>(panels, panel);
    for (int part = 0; part < 2; ++part) {
      const GroupIndex index = walk.to(unit * QuantizedPanels::kUnitK + part * 16);
      for (int64_t half = 0; half < 2; ++half) {
        HalfGroups& groups = halves[half];
        scales.read(index, half, panels.table_unit, groups.scales[part]);
        if constexpr (kHasMinimums) minimums.read(index, half, 1.0F, groups.minimums[part]);
        if constexpr (!kHasMinimums) load_group_zeros(panels, panel, index.group, half, groups.zeros[part]);
      }
    }
  });
}

// The i-th k of a line's words as elements.
template <QuantizedPanels::Values kValues, bool kHasMinimums>
inline __attribute__((always_inline)) CodeFloats widened_element(CodeWords words, int i, const HalfGroups& groups,
                                                                 int part, int v) {
  using Values = QuantizedPanels::Values;
  const auto scale = load_vector<CodeFloats>(groups.scales[part] + v * kWordLanes);
  if constexpr (kValues == Values::kE4m3) return scale * from_e4m3((words >> (8 * i)) & 0xffU);
  if constexpr (kValues == Values::kTable) {
    return scale * __builtin_convertvector((CodeInts)(words << (24 - 8 * i)) >> 24, CodeFloats);
  }
  const auto code = (CodeInts)((words >> (8 * i)) & 0xffU);
  if constexpr (kHasMinimums) {
    return scale * __builtin_convertvector(code, CodeFloats) +
           load_vector<CodeFloats>(groups.minimums[part] + v * kWordLanes);
  }
  const CodeInts value = code - load_vector<CodeInts>(groups.zeros[part] + v * kWordLanes);
  return scale * __builtin_convertvector(value, CodeFloats);
}

template <int kBits, QuantizedPanels::Values kValues, bool kHasMinimums, typename Layout>
inline __attribute__((always_inline)) void widen_half(const CodeTable& table, const HalfGroups& groups,
                                                      const std::byte* codes, std::byte* out) {
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      CodeWords words = code_words<kBits>(codes, line, v * (kWordLanes * 4));
      if constexpr (kValues == QuantizedPanels::Values::kTable) words = table.of(words);
      CodeFloats elements[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        elements[i] = widened_element<kValues, kHasMinimums>(words, i, groups, line / 4, v);
      }
      Layout::store(out, line, v, elements);
    }
  }
}

template <int kBits, QuantizedPanels::Values kValues, bool kHasMinimums, typename Layout>
void widen_units(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                 std::byte* out) {
  const CodeTable table(panels.table);
  HalfGroups groups[2];
  for (int64_t unit = first_unit; unit < first_unit + units; ++unit, out += Layout::kUnitBytes) {
    load_groups<kHasMinimums>(panels, panel, unit, groups);
    for (int64_t half = 0; half < 2; ++half) {
      const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
      widen_half<kBits, kValues, kHasMinimums, Layout>(table, groups[half], codes, out + half * Layout::kHalfBytes);
    }
  }
}

#if defined(__AVX2__)
// One scale for all columns.
template <typename Table>
inline __attribute__((always_inline)) void widen_e4m3_half(const Table& table, const std::byte* codes, std::byte* out) {
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      const int64_t offset = v * (kWordLanes * 4);
      const E4m3Pairs pairs = table.of(load_vector<ByteVector::Bits>(codes + line * 64 + offset));
      store_vector(out + line * 128 + offset, pairs.first);
      store_vector(out + line * 128 + 64 + offset, pairs.second);
    }
  }
}

// Any scales, [2 parts][16 columns]. values(line): pairs of the codes' values, in the unit of the scales.
template <typename Layout, typename Values>
inline __attribute__((always_inline)) void widen_e4m3_half(const float (*scales)[kHalfCols], const Values& values,
                                                           const std::byte* codes, std::byte* out) {
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      const E4m3Pairs pairs = values(load_vector<ByteVector::Bits>(codes + line * 64 + v * (kWordLanes * 4)));
      const auto scale = load_vector<CodeFloats>(scales[line / 4] + v * kWordLanes);
      const CodeFloats elements[4] = {
          scale * as_floats(pairs.first << 16), scale * as_floats(pairs.first & 0xffff0000U),
          scale * as_floats(pairs.second << 16), scale * as_floats(pairs.second & 0xffff0000U)};
      Layout::store(out, line, v, elements);
    }
  }
}

// The unit from which on other scales count than for `unit`.
inline int64_t next_group_unit(const QuantizedPanels& panels, int64_t unit) {
  const int64_t group_units = panels.group / QuantizedPanels::kUnitK;  // 0: a unit has two groups
  return group_units > 1 ? (unit / group_units + 1) * group_units : unit + 1;
}

#if defined(__AVX512VBMI__)
template <typename Layout>
void widen_e4m3(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                std::byte* out) {
  static_assert(std::is_same_v<Layout, Bf16Layout>);
  E4m3Products values;  // of a scale of 1
  values.set(1.0F);
  E4m3Products products;
  HalfGroups groups[2];
  bool has_one_scale[2];
  int64_t until = first_unit;  // the units before it have the scales that are loaded
  for (int64_t unit = first_unit; unit < first_unit + units; ++unit, out += Layout::kUnitBytes) {
    if (unit == until) {
      load_groups<false>(panels, panel, unit, groups);
      for (int half = 0; half < 2; ++half) {
        has_one_scale[half] = is_one_scale(groups[half].scales[0], groups[half].scales[1]);
      }
      until = next_group_unit(panels, unit);
    }
    for (int64_t half = 0; half < 2; ++half) {
      const float(&scales)[2][kHalfCols] = groups[half].scales;
      const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
      std::byte* half_out = out + half * Layout::kHalfBytes;
      if (has_one_scale[half]) {
        products.set(scales[0][0]);
        widen_e4m3_half(products, codes, half_out);
      } else {
        widen_e4m3_half<Layout>(
            scales, [&](ByteVector::Bits line) { return values.of(line); }, codes, half_out);
      }
    }
  }
}
#else
template <typename Layout>
void widen_e4m3(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                std::byte* out) {
  constexpr bool kIsBf16 = std::is_same_v<Layout, Bf16Layout>;
  const CodeTable no_table(panels.table);
  E4m3Table products;
  HalfGroups groups[2];
  alignas(64) float scaled_up[2][kHalfCols];
  int64_t until = first_unit;  // the units before it have the scales that are loaded
  for (int64_t unit = first_unit; unit < first_unit + units; ++unit, out += Layout::kUnitBytes) {
    if (unit == until) {
      load_groups<false>(panels, panel, unit, groups);
      until = next_group_unit(panels, unit);
    }
    for (int64_t half = 0; half < 2; ++half) {
      const float(&scales)[2][kHalfCols] = groups[half].scales;
      const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
      std::byte* half_out = out + half * Layout::kHalfBytes;
      const bool is_plain = !has_nan_code(codes);
      if (kIsBf16 && is_plain && is_one_scale(scales[0], scales[1]) && products.set(scales[0][0])) {
        if constexpr (kIsBf16) widen_e4m3_half(products, codes, half_out);
      } else if (is_plain && scale_up(scales[0], scaled_up[0]) && scale_up(scales[1], scaled_up[1])) {
        widen_e4m3_half<Layout>(scaled_up, e4m3_values, codes, half_out);
      } else {
        widen_half<8, QuantizedPanels::Values::kE4m3, false, Layout>(no_table, groups[half], codes, half_out);
      }
    }
  }
}
#endif
#else
template <typename Layout>
void widen_e4m3(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                std::byte* out) {
  widen_units<8, QuantizedPanels::Values::kE4m3, false, Layout>(panels, panel, first_unit, units, out);
}
#endif

template <int kBits, typename Layout>
void widen_integers(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                    std::byte* out) {
  constexpr auto kInteger = QuantizedPanels::Values::kInteger;
  if (panels.offsets == QuantizedPanels::Offsets::kMinimums) {
    widen_units<kBits, kInteger, true, Layout>(panels, panel, first_unit, units, out);
  } else {
    widen_units<kBits, kInteger, false, Layout>(panels, panel, first_unit, units, out);
  }
}

template <typename Layout>
void widen(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units, std::byte* out) {
  using Values = QuantizedPanels::Values;
  if (panels.values == Values::kTable) {
    return widen_units<4, Values::kTable, false, Layout>(panels, panel, first_unit, units, out);
  }
  if (panels.values == Values::kE4m3) {
    return widen_e4m3<Layout>(panels, panel, first_unit, units, out);
  }
  switch (panels.bits) {
    case 2:
      return widen_integers<2, Layout>(panels, panel, first_unit, units, out);
    case 3:
      return widen_integers<3, Layout>(panels, panel, first_unit, units, out);
    case 4:
      return widen_integers<4, Layout>(panels, panel, first_unit, units, out);
    case 5:
      return widen_integers<5, Layout>(panels, panel, first_unit, units, out);
    case 6:
      return widen_integers<6, Layout>(panels, panel, first_unit, units, out);
    default:
      return widen_integers<8, Layout>(panels, panel, first_unit, units, out);
  }
}

// A plain kernel over widened stretches.
template <typename Plain, typename Layout>
struct WideningKernel {
  static constexpr int64_t kBlockRows = Plain::kBlockRows;
  static constexpr int64_t kPadK = Plain::kPadK;
  static constexpr int64_t kPackedBytes = Plain::kPackedBytes;
  static constexpr int64_t kExpandedBytes = Layout::kUnitBytes;
  static constexpr int64_t kStretch = 8;
  static constexpr int64_t kAloneRows = 0;
  static constexpr int64_t kLineK = Plain::kUnitK;

  explicit WideningKernel(int64_t rows) : plain(rows) {}
  static int64_t packed_rows(int64_t rows) { return Plain::packed_rows(rows); }
  static constexpr int64_t row_bytes(int64_t k) { return Plain::row_bytes(k); }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    Plain::pack(source, first, rows, k, out);
  }
  static void expand(const QuantizedStretch& stretch) {
    widen<Layout>(stretch.panels, stretch.panel, stretch.unit, stretch.units, stretch.expanded);
  }
  void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums, bool resume,
                const Prefetch& prefetch) {
    plain.multiply(rows, a, stretch.expanded, k, sums, resume, prefetch);
  }

  Plain plain;
};

template <typename Plain, typename Layout>
MatmulTier widening_tier_of() {
  return quantized_tier_of<WideningKernel<Plain, Layout>>();
}

}  // namespace
}  // namespace braid::cpu
