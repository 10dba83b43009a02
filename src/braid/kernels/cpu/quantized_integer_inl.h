// Products of quantized weights and rounded rows (ActivationBits::k8 and k16), with the including tier's Dots. Codes of
// a stretch are unpacked into the cache as the Dots take them. Included only by the tiers' files; each gets its own
// copy (matmul_tier.h says why). Tested by kernels/quantized_matmul_test.cc.
//
// A Dots has
//   Code                 of packed rows: int16_t or int8_t
//   kIsUnsigned          whether weights are unsigned bytes with a zero, or int16_t less their zero
//   kStepK               k of one step: 2 (pairs of int16_t) or 4 (quads of bytes)
//   kBlockRows           rows that are multiplied in one pass
//   add(sums, weights, codes)
#pragma once

#include "braid/kernels/cpu/quantized_driver.h"
#include "braid/kernels/cpu/quantized_rows_inl.h"
#include "braid/kernels/cpu/quantized_two_codes_inl.h"
#include "braid/kernels/cpu/quantized_unpack.h"

namespace braid::cpu {
namespace {

inline __attribute__((always_inline)) CodeFloats fused(CodeFloats a, CodeFloats b, CodeFloats sum) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, sum);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, sum);
#else
  for (int i = 0; i < kWordLanes; ++i) sum[i] = __builtin_fmaf(a[i], b[i], sum[i]);
  return sum;
#endif
}

// Pairs of int16_t, in any tier.
struct PairDots {
  using Code = int16_t;
  static constexpr bool kIsUnsigned = false;
  static constexpr int kStepK = 2;
#if defined(__AVX512F__)
  static constexpr int64_t kBlockRows = 8;
#else
  static constexpr int64_t kBlockRows = 4;
#endif
  static inline __attribute__((always_inline)) CodeInts add(CodeInts sums, CodeInts weights, int32_t codes) {
#if defined(__AVX512BW__)
    return (CodeInts)_mm512_add_epi32((__m512i)sums, _mm512_madd_epi16((__m512i)weights, _mm512_set1_epi32(codes)));
#elif defined(__AVX2__)
    return (CodeInts)_mm256_add_epi32((__m256i)sums, _mm256_madd_epi16((__m256i)weights, _mm256_set1_epi32(codes)));
#else
    const int32_t low = static_cast<int16_t>(codes & 0xffff);
    const int32_t high = codes >> 16;
    return sums + ((weights << 16) >> 16) * low + (weights >> 16) * high;
#endif
  }
};

template <int kParts, QuantizedPanels::Offsets kOffsets>
struct ExpandedHalf {
  static constexpr int64_t kScalesAt = 0;
  static constexpr int64_t kOffsetsAt = kParts * 64;  // minimums (float32) or zeros (int32)
  static constexpr int64_t kCodesAt = kOffsetsAt + (kOffsets == QuantizedPanels::Offsets::kFixedZero ? 0 : kParts * 64);
};

// The same as below where each part of a unit is a group: runs of units that share a super-group.
template <int kParts, QuantizedPanels::Offsets kOffsets>
void expand_own_groups(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                       int64_t stride, std::byte* out) {
  using Half = ExpandedHalf<kParts, kOffsets>;
  with_scales(panels, [=, &panels](auto tag) {
    auto scales = scales_of<tag.kValue>(panels, panel);
    auto minimums = minimums_of<tag.kValue>(panels, panel);
    const int64_t end = first_unit + units;
    const int64_t units_of_super = panels.has_two_levels ? panels.super_group / QuantizedPanels::kUnitK : end;
    std::byte* to = out;
    for (int64_t unit = first_unit; unit < end;) {
      const int64_t super_group = static_cast<uint32_t>(unit) / static_cast<uint32_t>(units_of_super);
      const int64_t count = at_most(end, (super_group + 1) * units_of_super) - unit;
      const GroupIndex index = {.group = unit * kParts, .super_group = super_group};
      scales.template read_units<kParts>(index, count, stride, panels.table_unit, to + Half::kScalesAt);
      if constexpr (kOffsets == QuantizedPanels::Offsets::kMinimums) {
        minimums.template read_units<kParts>(index, count, stride, 1.0F, to + Half::kOffsetsAt);
      }
      unit += count;
      to += count * 2 * stride;
    }
  });
}

// The scales and offsets of units, each half's `stride` bytes behind those of the half before.
template <int kParts, QuantizedPanels::Offsets kOffsets>
void expand_groups(const QuantizedPanels& panels, const std::byte* panel, int64_t first_unit, int64_t units,
                   int64_t stride, std::byte* out) {
  using Half = ExpandedHalf<kParts, kOffsets>;
  constexpr int64_t kUnitK = QuantizedPanels::kUnitK;
  const bool have_own_groups = panels.group * kParts == kUnitK && panels.k % kUnitK == 0 &&
                               (!panels.has_two_levels || panels.super_group % kUnitK == 0);
  if (kOffsets != QuantizedPanels::Offsets::kGroupZeros && have_own_groups) {
    return expand_own_groups<kParts, kOffsets>(panels, panel, first_unit, units, stride, out);
  }
  with_scales(panels, [=, &panels](auto tag) {
    GroupWalk walk(panels, first_unit);
    auto scales = scales_of<tag.kValue>(panels, panel);
    auto minimums = minimums_of<tag.kValue>(panels, panel);
    std::byte* to = out;
    for (int64_t unit = first_unit; unit < first_unit + units; ++unit, to += 2 * stride) {
      for (int part = 0; part < kParts; ++part) {
        const GroupIndex index = walk.to(unit * kUnitK + part * 16);
        for (int64_t half = 0; half < 2; ++half) {
          std::byte* const half_to = to + half * stride + part * 64;
          scales.read(index, half, panels.table_unit, reinterpret_cast<float*>(half_to + Half::kScalesAt));
          std::byte* const offsets = half_to + Half::kOffsetsAt;
          if constexpr (kOffsets == QuantizedPanels::Offsets::kMinimums) {
            minimums.read(index, half, 1.0F, reinterpret_cast<float*>(offsets));
          } else if constexpr (kOffsets == QuantizedPanels::Offsets::kGroupZeros) {
            load_group_zeros(panels, panel, index.group, half, reinterpret_cast<int32_t*>(offsets));
          }
        }
      }
    }
  });
}

// The zeros of a half's unit, of both of its 16 k.
inline void load_unit_zeros(const QuantizedPanels& panels, const std::byte* panel, int64_t unit, int64_t half,
                            int32_t (&zeros)[2][kHalfCols]) {
  GroupWalk walk(panels, unit);
  for (int part = 0; part < 2; ++part) {
    load_group_zeros(panels, panel, walk.to(unit * QuantizedPanels::kUnitK + part * 16).group, half, zeros[part]);
  }
}

// Calls call<kBits, kIsTable>() for a layout's codes.
template <typename Call>
void with_codes_of(const QuantizedPanels& panels, const Call& call) {
  if (panels.values == QuantizedPanels::Values::kTable) return call.template operator()<4, true>();
  switch (panels.bits) {
    case 2:
      return call.template operator()<2, false>();
    case 3:
      return call.template operator()<3, false>();
    case 4:
      return call.template operator()<4, false>();
    case 5:
      return call.template operator()<5, false>();
    case 6:
      return call.template operator()<6, false>();
    default:
      return call.template operator()<8, false>();
  }
}

// The codes of a half's unit as int16_t pairs less their zeros: [16 pairs][16 columns].
template <int kBits, bool kIsTable>
inline void expand_pairs(const QuantizedPanels& panels, const std::byte* panel, int64_t unit, int64_t half,
                         const CodeTable& table, std::byte* out) {
  const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
  alignas(64) int32_t zeros[2][kHalfCols];
  load_unit_zeros(panels, panel, unit, half, zeros);
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      const int64_t offset = v * (kWordLanes * 4);
      CodeWords words = code_words<kBits>(codes, line, offset);
      CodeInts x[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        if constexpr (kIsTable) {
          if (i == 0) words = table.of(words);
          x[i] = (CodeInts)(words << (24 - 8 * i)) >> 24;
        } else {
          x[i] = (CodeInts)((words >> (8 * i)) & 0xffU) - load_vector<CodeInts>(zeros[line / 4] + v * kWordLanes);
        }
      }
      std::byte* pairs = out + line * 128 + offset;
      store_vector(pairs, (CodeWords)(x[0] & 0xffff) | ((CodeWords)x[1] << 16));
      store_vector(pairs + 64, (CodeWords)(x[2] & 0xffff) | ((CodeWords)x[3] << 16));
    }
  }
}

// The codes of a half's unit as unsigned bytes: [8 quads][16 columns].
template <int kBits, bool kIsTable>
inline void expand_bytes(const QuantizedPanels& panels, const std::byte* panel, int64_t unit, int64_t half,
                         const CodeTable& table, std::byte* out) {
  const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      const int64_t offset = v * (kWordLanes * 4);
      CodeWords words = code_words<kBits>(codes, line, offset);
      if constexpr (kIsTable) words = table.of(words) ^ 0x80808080U;  // + kTableZero
      store_vector(out + line * 64 + offset, words);
    }
  }
}

template <typename Dots, int kParts, QuantizedPanels::Offsets kOffsets>
struct IntegerKernel {
  using Offsets = QuantizedPanels::Offsets;
  using Record = RowRecord<typename Dots::Code, kParts>;
  using Half = ExpandedHalf<kParts, kOffsets>;
  static constexpr int64_t kBlockRows = Dots::kBlockRows;
  static constexpr int64_t kPadK = QuantizedPanels::kUnitK;
  static constexpr int64_t kPackedBytes = int64_t{384} << 10;
  static constexpr int64_t kHalfBytes = Half::kCodesAt + (Dots::kIsUnsigned ? 512 : 1024);
  static constexpr int64_t kExpandedBytes = 2 * kHalfBytes;
  static constexpr int64_t kStretch = 8;
  static constexpr int64_t kAloneRows = 0;
  static constexpr int64_t kLineK = QuantizedPanels::kUnitK;

  explicit IntegerKernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows <= 2 ? rows : (rows <= 4 ? 4 : kBlockRows); }
  static constexpr int64_t row_bytes(int64_t k) { return k / QuantizedPanels::kUnitK * Record::kBytes; }
  static void pack(const PackedRowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_records<typename Dots::Code, kParts, kOffsets>(source, first, rows, packed_rows(rows), k, out);
  }

  static void expand(const QuantizedStretch& stretch) {
    with_codes_of(stretch.panels, [&]<int kBits, bool kIsTable>() { expand_units<kBits, kIsTable>(stretch); });
  }

  static void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t k, float* sums,
                       bool resume, Prefetch prefetch) {
    const std::byte* expanded = stretch.expanded;
    switch (packed_rows(rows)) {
      case 1:
        return multiply_rows<1>(a, expanded, k, sums, resume, prefetch);
      case 2:
        return multiply_rows<2>(a, expanded, k, sums, resume, prefetch);
      case 4:
        return multiply_rows<4>(a, expanded, k, sums, resume, prefetch);
      default:
        return multiply_rows<kBlockRows>(a, expanded, k, sums, resume, prefetch);
    }
  }

 private:
  template <int kBits, bool kIsTable>
  static void expand_units(const QuantizedStretch& stretch) {
    const QuantizedPanels& panels = stretch.panels;
    const std::byte* panel = stretch.panel;
    std::byte* out = stretch.expanded;
    const CodeTable table(panels.table);
    expand_groups<kParts, kOffsets>(panels, panel, stretch.unit, stretch.units, kHalfBytes, out);
    for (int64_t unit = stretch.unit; unit < stretch.unit + stretch.units; ++unit) {
      for (int64_t half = 0; half < 2; ++half, out += kHalfBytes) {
        if constexpr (Dots::kIsUnsigned) {
          expand_bytes<kBits, kIsTable>(panels, panel, unit, half, table, out + Half::kCodesAt);
        } else {
          expand_pairs<kBits, kIsTable>(panels, panel, unit, half, table, out + Half::kCodesAt);
        }
      }
    }
  }

  // The sums begin with what the zeros take from them.
  static inline __attribute__((always_inline)) CodeInts first_sums(const std::byte* record, const std::byte* half,
                                                                   int part, int v) {
    if constexpr (!Dots::kIsUnsigned || kOffsets == Offsets::kMinimums) return CodeInts{};
    const auto word = load_vector<int32_t>(record + Record::kWordsAt + part * 4);
    if constexpr (kOffsets == Offsets::kFixedZero) return CodeInts{} + word;
    return load_vector<CodeInts>(half + Half::kOffsetsAt + part * 64 + v * (kWordLanes * 4)) * word;
  }

  // One part of a unit: kRows rows times the columns of one vector.
  template <int kRows>
  static inline __attribute__((always_inline)) void multiply_part(const std::byte* a, const std::byte* half, int part,
                                                                  int v, float* sums) {
    constexpr int kSteps = QuantizedPanels::kUnitK / Dots::kStepK / kParts;
    constexpr int64_t kCodeStepBytes = 4;
    const std::byte* codes = half + Half::kCodesAt + part * kSteps * 64 + v * (kWordLanes * 4);
    CodeInts dots[kRows];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) dots[row] = first_sums(a + row * Record::kBytes, half, part, v);
#pragma GCC unroll 4
    for (int step = 0; step < kSteps; ++step) {
      const auto weights = load_vector<CodeInts>(codes + step * 64);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const std::byte* from = a + row * Record::kBytes + (part * kSteps + step) * kCodeStepBytes;
        dots[row] = Dots::add(dots[row], weights, load_vector<int32_t>(from));
      }
    }
    const auto scale = load_vector<CodeFloats>(half + Half::kScalesAt + part * 64 + v * (kWordLanes * 4));
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const std::byte* record = a + row * Record::kBytes;
      float* at = sums + row * kPanelCols;
      const auto row_scale = load_vector<float>(record + Record::kScaleAt);
      CodeFloats sum =
          fused(__builtin_convertvector(dots[row], CodeFloats), scale * row_scale, load_vector<CodeFloats>(at));
      if constexpr (kOffsets == Offsets::kMinimums) {
        const auto factor = load_vector<float>(record + Record::kWordsAt + part * 4);
        sum = fused(load_vector<CodeFloats>(half + Half::kOffsetsAt + part * 64 + v * (kWordLanes * 4)),
                    CodeFloats{} + factor, sum);
      }
      store_vector(at, sum);
    }
  }

  template <int kRows>
  static void multiply_rows(const std::byte* a, const std::byte* expanded, int64_t k, float* sums, bool resume,
                            Prefetch& prefetch) {
    if (!resume) __builtin_memset(sums, 0, kRows * kPanelCols * sizeof(float));
    for (; k > 0; k -= QuantizedPanels::kUnitK, a += kRows * Record::kBytes) {
      prefetch.all_lines();
      prefetch.next();
      for (int64_t half = 0; half < 2; ++half, expanded += kHalfBytes) {
        for (int part = 0; part < kParts; ++part) {
          for (int v = 0; v < kLineVectors; ++v) {
            multiply_part<kRows>(a, expanded, part, v, sums + half * kHalfCols + v * kWordLanes);
          }
        }
      }
    }
  }
};

template <typename Dots, QuantizedPanels::Offsets kOffsets>
MatmulTier integer_tier_of(int64_t group, RowCodes codes) {
  return group == 16 ? rounded_tier_of<IntegerKernel<Dots, 2, kOffsets>>(codes)
                     : rounded_tier_of<IntegerKernel<Dots, 1, kOffsets>>(codes);
}

template <typename Dots>
MatmulTier integer_tier_of(const QuantizedPanels& panels, RowCodes codes) {
  using Offsets = QuantizedPanels::Offsets;
  if (panels.offsets == Offsets::kMinimums) return integer_tier_of<Dots, Offsets::kMinimums>(panels.group, codes);
  if (Dots::kIsUnsigned && panels.offsets == Offsets::kGroupZeros) {
    return integer_tier_of<Dots, Offsets::kGroupZeros>(panels.group, codes);
  }
  return integer_tier_of<Dots, Offsets::kFixedZero>(panels.group, codes);
}

}  // namespace
}  // namespace braid::cpu
