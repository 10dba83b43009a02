// The loops around a tier's kernel: which rows meet which stretch of which panel, and when. Included only by the tiers'
// files; each gets its own copy (matmul_tier.h says why). Tested by kernels/matmul_test.cc.
//
// The caller passes rows in super-blocks. Packed as the kernel reads them, they stay in the L2 cache. A panel is read
// once, stretch by stretch (8 to 64 KB). Every block of rows in the super-block takes each stretch, while the blocks'
// sums wait in the cache; and while they work on one stretch they prefetch the next, so that memory and arithmetic
// overlap. In the last stretch each block of rows is finished as soon as it is multiplied. One block of rows alone
// keeps its sums in registers from one end of K to the other. Either way each sum takes its terms in order of k.
#pragma once

#include <type_traits>

#include "braid/kernels/cpu/matmul_epilogue.h"
#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {
namespace {

// Several blocks of rows take a stretch one after another; this is what a block's kernel fetches meanwhile. It is
// called without a branch, in steps, so that the requests do not wait for one another.
struct Prefetch {
  const std::byte* far = nullptr;  // into L2
  int64_t far_lines = 0;           // its cache lines for each 2 KB of weights that are read, 32 at most
  OutputLines* output = nullptr;   // some of its lines go into L1 after each 2 KB

  // At each of 32 lines that are read, or at every other one if far_lines is 16 or less.
  __attribute__((always_inline)) void at_line(int64_t line) const {
    __builtin_prefetch(far + line * far_lines * 2, 0, 2);
  }
  // Everything at once, instead of at_line().
  __attribute__((always_inline)) void all_lines() const {
    for (int64_t line = 0; line < far_lines; ++line) __builtin_prefetch(far + line * 64, 0, 2);
  }
  // After 2 KB.
  __attribute__((always_inline)) void next() {
    far += far_lines * 64;
    if (output != nullptr) output->prefetch_some();
  }
};

// For one block of rows alone: how many bytes ahead of its reads it fetches; 0: none.
struct FetchAhead {
  int64_t near;  // into L1
  int64_t far;   // into L2
};

template <FetchAhead kAhead>
struct AheadPrefetch {
  const std::byte* weights;  // the weights that are read
  OutputLines* output;       // some of its lines go into L1 after each 2 KB

  __attribute__((always_inline)) void at_line(int64_t line) const {
    if constexpr (kAhead.near > 0) __builtin_prefetch(weights + kAhead.near + line * 64, 0, 3);
    if constexpr (kAhead.far > 0) __builtin_prefetch(weights + kAhead.far + line * 64, 0, 2);
  }
  __attribute__((always_inline)) void all_lines() const {
    for (int64_t line = 0; line < 32; ++line) at_line(line);
  }
  __attribute__((always_inline)) void next() {
    weights += 2048;
    output->prefetch_some();
  }
};

inline int64_t at_most(int64_t value, int64_t limit) {
  return value < limit ? value : limit;
}

inline int64_t at_least(int64_t value, int64_t limit) {
  return value > limit ? value : limit;
}

inline int64_t divide_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit;
}

// The rows of `work`, sorted or picked by `sources`.
struct RowSource {
  const PanelWork& work;
  const std::byte* row(int64_t index) const {
    return work.x + (work.sources != nullptr ? work.sources[index] : index) * work.x_stride_bytes;
  }
};

// A Kernel has
//   kBlockRows           rows of a block, at most
//   kUnitK               inputs (k) in 2 KB of a panel; K is padded with zeros to a multiple of kPadK
//   row_bytes(k)         bytes of k inputs of one packed row
//   Kernel(rows)         constructed once per call of run_panels
//   kIsOnePass           whether multiply() reads its stretch once, front to back
//   kPackedBytes         of a super-block's rows, about: what fits L2 beside two stretches
//   kShortUnits          2 KB units of a panel in a stretch for two blocks of rows, or for one if it is no stream
//   kStretchUnits        the same for three blocks or more
//   kPairRows            up to this many rows alone take two panels at a time; 0: never
//   kStreamRows          up to this many rows alone take kStreams panels at a time; 0: never
//   packed_rows(rows)    rows that a block of `rows` takes, packed and in the sums
//   pack(source, first, rows, k, out)
//   multiply(rows, a, w, k, sums, resume, prefetch)
//                        sums [packed rows][32] (+)= a · w over a stretch of k
//   multiply_alone(rows, a, w, k, sums, output)
//                        if kIsOnePass: sums = a · w for one block of rows alone; it fetches weights as far ahead as is
//                        best, and the output
//   multiply_pair(rows, a, w, other_w, k, sums)
//                        if kPairRows > 0: sums [2 panels][rows][32] = a · w
//   multiply_streams(rows, a, w, stride, streams, k, sums)
//                        if kStreamRows > 0: the same for panels `stride` bytes apart
template <typename Kernel>
int64_t padded_k_of(int64_t k) {
  return divide_up(k, Kernel::kPadK) * Kernel::kPadK;
}

// Of `rows` rows, those of a super-block.
template <typename Kernel>
int64_t rows_at_once(int64_t rows, int64_t k) {
  constexpr int64_t kMostBlocks = 24;
  const int64_t fitting = Kernel::kPackedBytes / (Kernel::row_bytes(padded_k_of<Kernel>(k)) + 1) / Kernel::kBlockRows;
  const int64_t most = fitting < 4 ? 4 : at_most(fitting, kMostBlocks);
  const int64_t blocks = divide_up(rows, Kernel::kBlockRows);
  const int64_t super_blocks = divide_up(blocks, most);
  return super_blocks <= 1 ? rows : divide_up(blocks, super_blocks) * Kernel::kBlockRows;
}

template <typename Kernel>
int64_t runs_at_once(int64_t rows, int64_t k) {
  if (k == 0) return 1;  // nothing is read
  if constexpr (Kernel::kStreamRows > 0) {
    if (rows <= Kernel::kStreamRows) return Kernel::kStreams;
  }
  return rows <= Kernel::kPairRows ? 2 : 1;
}

// `rows` rows in blocks, as packed rows.
template <typename Kernel>
int64_t packed_rows(int64_t rows) {
  return rows <= Kernel::kBlockRows ? Kernel::packed_rows(rows)
                                    : divide_up(rows, Kernel::kBlockRows) * Kernel::packed_rows(Kernel::kBlockRows);
}

template <typename Kernel>
int64_t packed_bytes(int64_t rows, int64_t k) {
  return divide_up(packed_rows<Kernel>(rows) * Kernel::row_bytes(padded_k_of<Kernel>(k)), 64) * 64;
}

// The packed rows, then the sums of one panel of each run.
template <typename Kernel>
int64_t scratch_bytes(int64_t rows, int64_t k) {
  return packed_bytes<Kernel>(rows, k) + packed_rows<Kernel>(rows) * kPanelCols * 4 * runs_at_once<Kernel>(rows, k);
}

// Up to this many blocks of rows wait for memory; more are bound by computing.
inline bool waits_for_memory(int64_t num_blocks) {
  return num_blocks <= 2;
}

// The k of a stretch when several blocks of rows take it one after another; all stretches are about equally long. With
// short ones the next one's prefetch is better timed; with long ones sums are resumed less often.
template <typename Kernel>
int64_t stretch_k(int64_t padded_k, int64_t num_blocks) {
  const int64_t longest = (waits_for_memory(num_blocks) ? Kernel::kShortUnits : Kernel::kStretchUnits) * Kernel::kUnitK;
  const int64_t num_stretches = divide_up(padded_k, longest);
  return num_stretches <= 1 ? padded_k : divide_up(divide_up(padded_k, num_stretches), Kernel::kUnitK) * Kernel::kUnitK;
}

// The rows of a super-block, divided into blocks of at most `most`.
class RowBlocks {
 public:
  RowBlocks(int64_t num_rows, int64_t most)
      : num_rows_(num_rows),
        num_blocks_(divide_up(num_rows, most)),
        rows_each_(waits_for_memory(num_blocks_) ? divide_up(num_rows, num_blocks_) : num_rows / num_blocks_),
        longer_(waits_for_memory(num_blocks_) ? 0 : num_rows % num_blocks_) {}

  int64_t count() const { return num_blocks_; }
  int64_t rows(int64_t block) const { return rows_each_ + (block < longer_ ? 1 : 0); }
  // If there are two blocks, they have the same number of rows, and an odd row is in both. Otherwise calls would
  // alternate between two functions and be mispredicted each time, in the middle of waiting for memory.
  int64_t begin(int64_t block) const {
    return at_most(block * rows_each_ + at_most(block, longer_), num_rows_ - rows(block));
  }
  // Rows at the block's beginning that are also in the block before.
  int64_t repeated(int64_t block) const { return block == 0 ? 0 : begin(block - 1) + rows(block - 1) - begin(block); }

 private:
  int64_t num_rows_;
  int64_t num_blocks_;
  int64_t rows_each_;
  int64_t longer_;  // this many blocks have one row more
};

// All packed rows times two runs of panels.
template <typename Kernel>
void run_panel_pairs(Kernel& kernel, const PanelWork& work, int64_t padded_k, float* sums) {
  const int64_t end = work.first_panel + work.num_panels;
  for (int64_t panel = work.first_panel; panel < end; ++panel) {
    const std::byte* w = work.w + panel * work.panel_bytes;
    kernel.multiply_pair(work.rows, work.scratch, w, w + work.run_stride * work.panel_bytes, padded_k, sums);
    finish_panel(work, panel, 0, work.rows, sums);
    finish_panel(work, panel + work.run_stride, 0, work.rows, sums + work.rows * kPanelCols);
  }
}

// All packed rows times up to kStreams runs of panels.
template <typename Kernel>
void run_panel_streams(Kernel& kernel, const PanelWork& work, int64_t padded_k, float* sums) {
  const int64_t end = work.first_panel + work.num_panels;
  for (int64_t panel = work.first_panel; panel < end; ++panel) {
    kernel.multiply_streams(work.rows, work.scratch, work.w + panel * work.panel_bytes,
                            work.run_stride * work.panel_bytes, work.num_runs, padded_k, sums);
    for (int64_t run = 0; run < work.num_runs; ++run) {
      finish_panel(work, panel + run * work.run_stride, 0, work.rows, sums + run * work.rows * kPanelCols);
    }
  }
}

// One block of packed rows times one run of panels, each panel from one end of K to the other.
template <typename Kernel>
void run_panels_alone(Kernel& kernel, const PanelWork& work, int64_t padded_k, float* sums) {
  const int64_t end = work.first_panel + work.num_panels;
  for (int64_t panel = work.first_panel; panel < end; ++panel) {
    OutputLines output = output_lines(work, panel, 0, work.rows);
    output.rows_at_once = work.rows;
    kernel.multiply_alone(work.rows, work.scratch, work.w + panel * work.panel_bytes, padded_k, sums, &output);
    finish_panel(work, panel, 0, work.rows, sums);
  }
}

// A stretch [k, k + part) of one panel, and what is fetched meanwhile: `prefetch`, in steps.
struct PanelStretch {
  int64_t panel;
  int64_t k;
  int64_t part;
  int64_t steps;
  Prefetch prefetch;
};

// The stretch meets every block of packed rows: multiply(rows, a, sums, prefetch). With the last one of the panel each
// block is finished.
template <typename Kernel, typename Multiply>
inline __attribute__((always_inline)) void run_blocks(const PanelWork& work, const RowBlocks& blocks, int64_t padded_k,
                                                      const PanelStretch& stretch, float* sums,
                                                      const Multiply& multiply) {
  const bool is_waiting = waits_for_memory(blocks.count());
  const bool is_last = stretch.k + stretch.part == padded_k;
  const std::byte* a = work.scratch;
  Prefetch prefetch = stretch.prefetch;
  for (int64_t block = 0; block < blocks.count(); ++block) {
    const int64_t packed_rows = Kernel::packed_rows(blocks.rows(block));
    const int64_t repeated = blocks.repeated(block);
    const int64_t row = blocks.begin(block) + repeated;
    const int64_t rows = blocks.rows(block) - repeated;  // that this block finishes
    OutputLines output = output_lines(work, stretch.panel, row, rows);
    // Spread over half of the block's computation, unless the block waits for memory.
    output.rows_at_once = is_waiting ? rows : divide_up(2 * rows, at_least(stretch.steps, 1));
    if (is_last) prefetch.output = &output;
    multiply(blocks.rows(block), a + packed_rows * Kernel::row_bytes(stretch.k), sums, prefetch);
    if (is_last) finish_panel(work, stretch.panel, row, rows, sums + repeated * kPanelCols);
    a += packed_rows * Kernel::row_bytes(padded_k);
    sums += packed_rows * kPanelCols;
    prefetch.far += stretch.steps * prefetch.far_lines * 64;
  }
}

// Blocks of packed rows times one run of panels, stretch by stretch.
template <typename Kernel>
void run_stretches(Kernel& kernel, const PanelWork& work, const RowBlocks& blocks, int64_t padded_k, float* sums) {
  constexpr int64_t kUnitBytes = 2048;
  const int64_t longest = stretch_k<Kernel>(padded_k, blocks.count());
  const int64_t lines = divide_up(kUnitBytes / 64, blocks.count());
  const int64_t end = work.first_panel + work.num_panels;
  for (int64_t panel = work.first_panel; panel < end; ++panel) {
    const std::byte* w = work.w + panel * work.panel_bytes;
    int64_t k = 0;
    do {  // once if K is 0: the sums are zero
      const int64_t part = at_most(longest, padded_k - k);
      const int64_t part_bytes = part * (kUnitBytes / Kernel::kUnitK);
      const PanelStretch stretch = {.panel = panel,
                                    .k = k,
                                    .part = part,
                                    .steps = part / Kernel::kUnitK,
                                    .prefetch = {.far = w + part_bytes, .far_lines = lines}};
      run_blocks<Kernel>(work, blocks, padded_k, stretch, sums,
                         [&](int64_t rows, const std::byte* a, float* block_sums, const Prefetch& prefetch) {
                           kernel.multiply(rows, a, w, part, block_sums, k > 0, prefetch);
                         });
      k += part;
      w += part_bytes;
    } while (k < padded_k);
  }
}

template <typename Kernel>
void pack_blocks(const PanelWork& work, const RowBlocks& blocks, int64_t padded_k) {
  std::byte* packed = work.scratch;
  for (int64_t block = 0; block < blocks.count(); ++block) {
    Kernel::pack(RowSource{work}, blocks.begin(block), blocks.rows(block), work.k, packed);
    packed += Kernel::packed_rows(blocks.rows(block)) * Kernel::row_bytes(padded_k);
  }
}

template <typename Kernel>
void run_panels(const PanelWork& work) {
  const int64_t padded_k = padded_k_of<Kernel>(work.k);
  const RowBlocks blocks(work.rows, Kernel::kBlockRows);
  auto* sums = reinterpret_cast<float*>(work.scratch + packed_bytes<Kernel>(work.rows, work.k));
  Kernel kernel(work.rows);

  if (!work.is_packed) pack_blocks<Kernel>(work, blocks, padded_k);

  if constexpr (Kernel::kStreamRows > 0) {
    if (work.rows <= Kernel::kStreamRows && work.k > 0) return run_panel_streams(kernel, work, padded_k, sums);
  }
  if constexpr (Kernel::kPairRows > 0) {
    if (work.num_runs == 2) return run_panel_pairs(kernel, work, padded_k, sums);
  }
  if constexpr (Kernel::kIsOnePass) {
    if (blocks.count() == 1) return run_panels_alone(kernel, work, padded_k, sums);
  }
  run_stretches(kernel, work, blocks, padded_k, sums);
}

template <typename Kernel>
MatmulTier tier_of() {
  return {.scratch_bytes = scratch_bytes<Kernel>,
          .rows_at_once = rows_at_once<Kernel>,
          .runs_at_once = runs_at_once<Kernel>,
          .run = run_panels<Kernel>,
          .block_rows = Kernel::kBlockRows};
}

// The start addresses of a block's rows, so that packing can go along k and write its output from end to end.
template <typename Element>
struct BlockRows {
  static constexpr int64_t kMaxRows = 16;
  BlockRows(const RowSource& source, int64_t first, int64_t rows) {
    for (int64_t row = 0; row < rows; ++row) in[row] = reinterpret_cast<const Element*>(source.row(first + row));
  }
  const Element* in[kMaxRows];
};

// Rows as floats, [k][rows], for kernels that multiply float32.
template <bool kIsBf16>
void pack_floats(const RowSource& source, int64_t first, int64_t rows, int64_t k, int64_t padded_k, std::byte* out) {
  using Element = std::conditional_t<kIsBf16, uint16_t, float>;
  const BlockRows<Element> block(source, first, rows);
  auto* floats = reinterpret_cast<float*>(out);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t row = 0; row < rows; ++row) {
      if constexpr (kIsBf16) {
        *floats++ = __builtin_bit_cast(float, uint32_t{block.in[row][i]} << 16);
      } else {
        *floats++ = block.in[row][i];
      }
    }
  }
  for (int64_t i = 0; i < (padded_k - k) * rows; ++i) *floats++ = 0;
}

}  // namespace
}  // namespace braid::cpu
