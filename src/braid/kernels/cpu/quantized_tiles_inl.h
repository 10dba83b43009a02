// Products of quantized weights and rounded rows (ActivationBits::k8 and k16) on AMX's tile registers, hardware or
// emulated (matmul_amx_kernel.h states the interface; here it has multiply_add_s8 and multiply_add_u8, too). Included
// only by the tiers' files; each gets its own copy (matmul_tier.h says why). Tested by
// kernels/quantized_matmul_test.cc.
//
// A row's scale changes every 32 k, so no tile product may be longer: 16 rows x 32 k (16 k with groups of 16) times 16
// columns. Its sums leave the tile as integers, and vectors scale and add them, as in every other tier. That takes
// longer than the tile product, so everything else is kept away from it: codes are unpacked once for all blocks of
// rows, less their zeros where the difference fits a signed byte, and the float sums of 16 x 16 outputs stay in
// registers over a stretch. Tile products run some steps ahead of the vectors.
#pragma once

#include "braid/kernels/cpu/amx_tile_shapes.h"
#include "braid/kernels/cpu/quantized_integer_inl.h"

namespace braid::cpu {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileBytes = 1024;

// A unit of 32 k of a block of rows: codes [rows][32], scales [rows], and words [parts][rows] (RowRecord). As large as
// the block's records, which leaves room for a tile of 16 rows behind fewer than 16.
template <int kParts>
struct TileUnit {
  using Record = RowRecord<int8_t, kParts>;
  static constexpr int64_t kCodeBytes = 32;
  static constexpr int64_t bytes(int64_t rows) { return rows * Record::kBytes; }
  static constexpr int64_t scales_at(int64_t rows) { return rows * kCodeBytes; }
  static constexpr int64_t words_at(int64_t rows) { return scales_at(rows) + rows * 4; }
};

template <int kParts, QuantizedPanels::Offsets kOffsets>
void pack_tile_units(const PackedRowSource& source, int64_t first, int64_t rows, int64_t padded_rows, int64_t k,
                     std::byte* out) {
  using Unit = TileUnit<kParts>;
  pack_units<int8_t, kParts, kOffsets>(
      source, {.begin = first, .end = first + rows}, padded_rows, k, [&](int64_t at, int64_t row) -> PackedUnit {
        std::byte* const unit = out + at / QuantizedPanels::kUnitK * Unit::bytes(padded_rows);
        return {.codes = unit + row * Unit::kCodeBytes,
                .scale = unit + Unit::scales_at(padded_rows) + row * 4,
                .words = unit + Unit::words_at(padded_rows) + row * 4,
                .words_step = padded_rows * 4};
      });
}

typedef uint8_t CodeQuads __attribute__((vector_size(kWordLanes * 4)));

// The codes of a half's unit as signed bytes, less their zeros: [8 quads][16 columns].
template <int kBits, bool kIsTable>
inline void expand_signed_bytes(const QuantizedPanels& panels, const std::byte* panel, int64_t unit, int64_t half,
                                const CodeTable& table, std::byte* out) {
  const std::byte* codes = panel + panels.codes_at + unit * panels.unit_bytes + half * panels.half_bytes;
  alignas(64) int32_t zeros[2][kHalfCols];
  load_unit_zeros(panels, panel, unit, half, zeros);
  for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 8
    for (int line = 0; line < kHalfLines; ++line) {
      const int64_t offset = v * (kWordLanes * 4);
      CodeWords words = code_words<kBits>(codes, line, offset);
      if constexpr (kIsTable) {
        words = table.of(words);
      } else {
        const CodeWords zero = load_vector<CodeWords>(zeros[line / 4] + v * kWordLanes) * 0x01010101U;
        words = (CodeWords)((CodeQuads)words - (CodeQuads)zero);
      }
      store_vector(out + line * 64 + offset, words);
    }
  }
}

// One half of a panel times a block of kRows packed rows (kFixedZero: codes are signed, less their zeros).
template <typename Tiles, int kParts, QuantizedPanels::Offsets kOffsets, int kRows>
class TileDots {
 public:
  using Half = ExpandedHalf<kParts, kOffsets>;
  using Unit = TileUnit<kParts>;
  static constexpr int64_t kHalfBytes = Half::kCodesAt + 512;

  // sums [kRows][32] (+)= a · half over `units`. The half's units are 2 kHalfBytes apart.
  static void multiply(Tiles& tiles, const std::byte* a, const std::byte* half, int64_t units, float* sums, bool resume,
                       Prefetch& prefetch) {
    alignas(64) std::byte dots[2][kStepsAtOnce * kTileBytes];
    CodeFloats totals[kLineVectors][kRows];
    load_totals(sums, resume, totals);
    const int64_t steps = units * kParts;
    products(tiles, a, half, 0, steps, dots[0]);
    for (int64_t step = 0, turn = 0; step < steps; step += kStepsAtOnce, turn ^= 1) {
      products(tiles, a, half, step + kStepsAtOnce, steps, dots[turn ^ 1]);
      for (int64_t unit = 0; unit < kStepsAtOnce / kParts && step / kParts + unit < units; ++unit) {
        prefetch.all_lines();
        prefetch.next();
        const int64_t at = step / kParts + unit;
        for (int part = 0; part < kParts; ++part) {
          add_dots(dots[turn] + (unit * kParts + part) * kTileBytes, a + at * Unit::bytes(kRows),
                   half + at * (2 * kHalfBytes), part, totals);
          asm volatile("" : : : "memory");  // else g++ keeps the rows' scales for the other part, on the stack
        }
      }
    }
    store_totals(totals, sums);
  }

 private:
  using Offsets = QuantizedPanels::Offsets;
  static constexpr int64_t kStepsAtOnce = 4;  // a step is one tile product

  // The steps [first, first + kStepsAtOnce) before `steps`.
  static inline __attribute__((always_inline)) void products(Tiles& tiles, const std::byte* a, const std::byte* half,
                                                             int64_t first, int64_t steps, std::byte* dots) {
    if (first < steps) product<0>(tiles, a, half, first, dots);
    if (first + 1 < steps) product<1>(tiles, a, half, first + 1, dots);
    if (first + 2 < steps) product<2>(tiles, a, half, first + 2, dots);
    if (first + 3 < steps) product<3>(tiles, a, half, first + 3, dots);
  }

  // Registers: 0…3 sums, 4 and 5 rows, 6 and 7 weights.
  template <int kTurn>
  static inline __attribute__((always_inline)) void product(Tiles& tiles, const std::byte* a, const std::byte* half,
                                                            int64_t step, std::byte* dots) {
    constexpr int kA = 4 + kTurn % 2;
    constexpr int kB = 6 + kTurn % 2;
    const int64_t unit = step / kParts;
    const int64_t part = step % kParts;
    tiles.template zero<kTurn>();
    tiles.template load<kA>(a + unit * Unit::bytes(kRows) + part * (32 / kParts), Unit::kCodeBytes);
    tiles.template load<kB>(half + unit * (2 * kHalfBytes) + Half::kCodesAt + part * (512 / kParts), 64);
    if constexpr (kOffsets == Offsets::kFixedZero) {
      tiles.template multiply_add_s8<kTurn, kA, kB>();
    } else {
      tiles.template multiply_add_u8<kTurn, kA, kB>();
    }
    tiles.template store<kTurn>(dots + kTurn * kTileBytes, 64);
  }

  static inline __attribute__((always_inline)) void add_dots(const std::byte* dots, const std::byte* unit,
                                                             const std::byte* groups, int part,
                                                             CodeFloats (&totals)[kLineVectors][kRows]) {
    for (int v = 0; v < kLineVectors; ++v) {
      const int64_t column = part * 64 + v * (kWordLanes * 4);
      const auto scale = load_vector<CodeFloats>(groups + Half::kScalesAt + column);
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) {
        const std::byte* word = unit + Unit::words_at(kRows) + (part * kRows + row) * 4;
        auto sum = load_vector<CodeInts>(dots + row * 64 + v * (kWordLanes * 4));
        if constexpr (kOffsets == Offsets::kGroupZeros) {
          sum += load_vector<CodeInts>(groups + Half::kOffsetsAt + column) * load_vector<int32_t>(word);
        }
        const auto row_scale = load_vector<float>(unit + Unit::scales_at(kRows) + row * 4);
        CodeFloats& total = totals[v][row];
        total = fused(__builtin_convertvector(sum, CodeFloats), scale * row_scale, total);
        if constexpr (kOffsets == Offsets::kMinimums) {
          total = fused(load_vector<CodeFloats>(groups + Half::kOffsetsAt + column),
                        CodeFloats{} + load_vector<float>(word), total);
        }
      }
    }
  }

  static inline __attribute__((always_inline)) void load_totals(const float* sums, bool resume,
                                                                CodeFloats (&totals)[kLineVectors][kRows]) {
    for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) {
        totals[v][row] = resume ? load_vector<CodeFloats>(sums + row * kPanelCols + v * kWordLanes) : CodeFloats{};
      }
    }
  }
  static inline __attribute__((always_inline)) void store_totals(const CodeFloats (&totals)[kLineVectors][kRows],
                                                                 float* sums) {
    for (int v = 0; v < kLineVectors; ++v) {
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) store_vector(sums + row * kPanelCols + v * kWordLanes, totals[v][row]);
    }
  }
};

// For a FewRows of kAloneRows 0: all rows take tiles.
struct NoFewRows {
  static constexpr int64_t kAloneRows = 0;
};

// Few rows alone wait for memory and take FewRows' kernel (VnniKernel), which multiplies without unpacking; more take
// tiles. kOffsets: what is left to do with offsets behind the tile products, and kFixedZero if there is nothing.
template <typename Tiles, typename FewRows, int kParts, QuantizedPanels::Offsets kOffsets>
class TileKernel {
 public:
  using Offsets = QuantizedPanels::Offsets;
  using Half = ExpandedHalf<kParts, kOffsets>;
  static constexpr int64_t kBlockRows = kTileRows;
  static constexpr int64_t kPadK = QuantizedPanels::kUnitK;
  static constexpr int64_t kPackedBytes = int64_t{640} << 10;
  static constexpr int64_t kHalfBytes = Half::kCodesAt + 512;
  static constexpr int64_t kExpandedBytes = 2 * kHalfBytes;
  static constexpr int64_t kStretch = 8;  // it stays in L1 beside a block's rows and the tiles' sums
  static constexpr int64_t kAloneRows = FewRows::kAloneRows;
  static constexpr int64_t kMostPanels = 4;
  static constexpr int64_t kLineK = QuantizedPanels::kUnitK / 2;  // each half's unit fetches its part

  // One configuration for the whole call. Several blocks have 9 rows or more, and tiles of 16 rows.
  explicit TileKernel(int64_t rows) : has_tiles_(rows > kAloneRows) {
    if (!has_tiles_) return;
    const int64_t tile_rows = rows <= kTileRows ? packed_rows(rows) : kTileRows;
    TileShapes shapes;
    for (int tile = 0; tile < 6; ++tile) shapes.of[tile].rows = tile_rows;
    for (int tile = 4; tile < 6; ++tile) shapes.of[tile].row_bytes = 32 / kParts;
    for (int tile = 6; tile < 8; ++tile) shapes.of[tile].rows = 8 / kParts;
    tiles_.configure(shapes);
  }
  ~TileKernel() {
    if (has_tiles_) tiles_.release();
  }
  TileKernel(const TileKernel&) = delete;
  TileKernel& operator=(const TileKernel&) = delete;

  static int64_t panels_at_once(int64_t rows) { return FewRows::panels_at_once(rows); }
  static int64_t packed_rows(int64_t rows) {
    if constexpr (kAloneRows > 0) {
      if (rows <= kAloneRows) return FewRows::packed_rows(rows);
    }
    return divide_up(rows, 4) * 4;
  }
  static constexpr int64_t row_bytes(int64_t k) { return TileUnit<kParts>::bytes(k / QuantizedPanels::kUnitK); }
  static void pack(const PackedRowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    if constexpr (kAloneRows > 0) {
      if (rows <= kAloneRows) return FewRows::pack(source, first, rows, k, out);
    }
    pack_tile_units<kParts, kOffsets>(source, first, rows, packed_rows(rows), k, out);
  }
  static void multiply_alone(int64_t rows, const std::byte* a, const QuantizedPanels& panels, const StreamedPanel* w,
                             int64_t count, int64_t k, float* sums) {
    FewRows::multiply_alone(rows, a, panels, w, count, k, sums);
  }

  static void expand(const QuantizedStretch& stretch) {
    with_codes_of(stretch.panels, [&]<int kBits, bool kIsTable>() { expand_units<kBits, kIsTable>(stretch); });
  }

  void multiply(int64_t rows, const std::byte* a, const QuantizedStretch& stretch, int64_t, float* sums, bool resume,
                Prefetch prefetch) {
    switch (packed_rows(rows)) {
      case 4:
        return multiply_rows<4>(a, stretch, sums, resume, prefetch);
      case 8:
        return multiply_rows<8>(a, stretch, sums, resume, prefetch);
      case 12:
        return multiply_rows<12>(a, stretch, sums, resume, prefetch);
      default:
        return multiply_rows<16>(a, stretch, sums, resume, prefetch);
    }
  }

 private:
  template <int kRows>
  void multiply_rows(const std::byte* a, const QuantizedStretch& stretch, float* sums, bool resume,
                     Prefetch& prefetch) {
    for (int64_t half = 0; half < 2; ++half) {
      TileDots<Tiles, kParts, kOffsets, kRows>::multiply(tiles_, a, stretch.expanded + half * kHalfBytes, stretch.units,
                                                         sums + half * kHalfCols, resume, prefetch);
    }
  }

  template <int kBits, bool kIsTable>
  static void expand_units(const QuantizedStretch& stretch) {
    const QuantizedPanels& panels = stretch.panels;
    std::byte* out = stretch.expanded;
    const CodeTable table(panels.table);
    expand_groups<kParts, kOffsets>(panels, stretch.panel, stretch.unit, stretch.units, kHalfBytes, out);
    for (int64_t unit = stretch.unit; unit < stretch.unit + stretch.units; ++unit) {
      for (int64_t half = 0; half < 2; ++half, out += kHalfBytes) {
        if constexpr (kOffsets == Offsets::kFixedZero) {
          expand_signed_bytes<kBits, kIsTable>(panels, stretch.panel, unit, half, table, out + Half::kCodesAt);
        } else {
          expand_bytes<kBits, kIsTable>(panels, stretch.panel, unit, half, table, out + Half::kCodesAt);
        }
      }
    }
  }

  Tiles tiles_;
  bool has_tiles_;
};

// Signed bytes hold all values less their zeros.
inline bool fits_signed_bytes(const QuantizedPanels& panels) {
  if (panels.values == QuantizedPanels::Values::kTable || panels.bits < 8) return true;
  return panels.offsets == QuantizedPanels::Offsets::kFixedZero && panels.fixed_zero == 128;
}

template <typename Tiles, int kParts>
MatmulTier tile_tier_of_parts(const QuantizedPanels& panels, RowCodes codes) {
  using Offsets = QuantizedPanels::Offsets;
  if (panels.offsets == Offsets::kMinimums) {
    return rounded_tier_of<TileKernel<Tiles, NoFewRows, kParts, Offsets::kMinimums>>(codes);
  }
  // A fixed zero that does not fit is treated as zeros of groups.
  return fits_signed_bytes(panels) ? rounded_tier_of<TileKernel<Tiles, NoFewRows, kParts, Offsets::kFixedZero>>(codes)
                                   : rounded_tier_of<TileKernel<Tiles, NoFewRows, kParts, Offsets::kGroupZeros>>(codes);
}

// Tiles for any number of rows.
template <typename Tiles>
MatmulTier tile_tier_of(const QuantizedPanels& panels, RowCodes codes) {
  return panels.group == 16 ? tile_tier_of_parts<Tiles, 2>(panels, codes) : tile_tier_of_parts<Tiles, 1>(panels, codes);
}

}  // namespace
}  // namespace braid::cpu
