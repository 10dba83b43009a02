// The loops around a product with quantized weights: each panel is taken stretch by stretch; a stretch's codes (or only
// its scales) are unpacked into the cache, where all blocks of rows meet them. Included only by the tiers' files; each
// gets its own copy (matmul_tier.h says why). Tested by kernels/quantized_matmul_test.cc.
//
// A Kernel has what matmul_driver.h's has, but for kUnitK, the units and kinds of passes, and also
//   kExpandedBytes          of an unpacked unit of 32 k and 32 columns
//   kStretch                units of a stretch that is unpacked
//   kAloneRows              up to this many rows alone take whole panels, without unpacking; 0: never
//   panels_at_once(rows)    how many panels they take at a time, at most kMostPanels
//   kLineK                  k for each step of the prefetch (Prefetch::next)
//   expand(stretch)         unpacks it
//   multiply(rows, a, stretch, k, sums, resume, prefetch)
//   multiply_alone(rows, a, panels, w, count, k, sums)
//                           if kAloneRows > 0: sums [count][rows][32] = a · the StreamedPanels w [count]; fetches what
//                           comes next
//   join_codes(rows, sums)  if a row is several packed rows: makes the sums of a panel's packed rows those of its rows
#pragma once

#include "braid/kernels/cpu/matmul_driver.h"
#include "braid/kernels/quantized_panels.h"

namespace braid::cpu {
namespace {

// A panel, or some of its units from `unit` on.
struct QuantizedStretch {
  const QuantizedPanels& panels;
  const std::byte* panel;
  int64_t unit = 0;
  int64_t units = 0;
  std::byte* expanded = nullptr;  // [units] unpacked

  __attribute__((always_inline)) const std::byte* codes() const {
    return panel + panels.codes_at + unit * panels.unit_bytes;
  }
};

// A panel, and what is read next, from its beginning on.
struct StreamedPanel {
  const std::byte* panel;
  const std::byte* next;

  // What is read `offset` bytes behind the panel's beginning.
  inline __attribute__((always_inline)) const std::byte* ahead(int64_t offset, int64_t panel_bytes) const {
    return offset < panel_bytes ? panel + offset : next + (offset - panel_bytes);
  }
};

// Panel number `index` of a run. Where it is not known what comes next, what is fetched is in the cache already: lines
// that nobody reads would take memory's time.
inline StreamedPanel streamed_panel(const PanelWork& work, int64_t run, int64_t index) {
  const std::byte* const panel = work.w + (work.first_panel + run * work.run_stride + index) * work.panel_bytes;
  if (index + 1 < work.num_panels) return {.panel = panel, .next = panel + work.panel_bytes};
  return {.panel = panel, .next = run < work.next.num_runs ? work.next.first + run * work.next.run_bytes : panel};
}

template <typename Kernel>
int64_t quantized_runs_at_once(int64_t rows, int64_t k) {
  if constexpr (Kernel::kAloneRows > 0) {
    if (k > 0 && rows <= Kernel::kAloneRows) return Kernel::panels_at_once(rows);
  }
  return 1;
}

// The packed rows, the sums of one panel of each run, and a stretch.
template <typename Kernel>
int64_t quantized_scratch_bytes(int64_t rows, int64_t k) {
  return packed_bytes<Kernel>(rows, k) +
         packed_rows<Kernel>(rows) * kPanelCols * 4 * quantized_runs_at_once<Kernel>(rows, k) +
         Kernel::kStretch * Kernel::kExpandedBytes;
}

template <typename Kernel>
inline __attribute__((always_inline)) void join_codes(int64_t rows, float* sums) {
  if constexpr (requires { Kernel::join_codes(rows, sums); }) Kernel::join_codes(rows, sums);
}

// Up to kAloneRows packed rows times runs of panels.
template <typename Kernel>
void run_quantized_alone(Kernel& kernel, const PanelWork& work, int64_t padded_k, float* sums) {
  for (int64_t index = 0; index < work.num_panels; ++index) {
    StreamedPanel w[Kernel::kMostPanels];
    for (int64_t run = 0; run < work.num_runs; ++run) w[run] = streamed_panel(work, run, index);
    kernel.multiply_alone(work.rows, work.scratch, *work.quantized, w, work.num_runs, padded_k, sums);
    for (int64_t run = 0; run < work.num_runs; ++run) {
      float* const run_sums = sums + run * Kernel::packed_rows(work.rows) * kPanelCols;
      join_codes<Kernel>(work.rows, run_sums);
      finish_panel(work, work.first_panel + index + run * work.run_stride, 0, work.rows, run_sums);
    }
  }
}

// A stretch, while which the next one is fetched. The next panel's begins with its scales.
template <typename Kernel>
PanelStretch quantized_stretch(const PanelWork& work, int64_t panel, int64_t k, int64_t part, int64_t num_blocks) {
  constexpr int64_t kUnitK = QuantizedPanels::kUnitK;
  const QuantizedPanels& panels = *work.quantized;
  const std::byte* w = work.w + panel * work.panel_bytes;
  const bool is_last = k + part == padded_k_of<Kernel>(work.k);
  const std::byte* next =
      is_last ? w + work.panel_bytes : w + panels.codes_at + (k + part) / kUnitK * panels.unit_bytes;
  const int64_t next_bytes =
      (is_last ? panels.codes_at : 0) + at_most(Kernel::kStretch, panels.units) * panels.unit_bytes;
  const int64_t steps = part / Kernel::kLineK;
  return {
      .panel = panel,
      .k = k,
      .part = part,
      .steps = steps,
      .prefetch = {.far = next, .far_lines = at_most(divide_up(next_bytes / 64, at_least(steps * num_blocks, 1)), 32)}};
}

template <typename Kernel>
void run_quantized(const PanelWork& work) {
  constexpr int64_t kUnitK = QuantizedPanels::kUnitK;
  const QuantizedPanels& panels = *work.quantized;
  const int64_t padded_k = padded_k_of<Kernel>(work.k);
  const RowBlocks blocks(work.rows, Kernel::kBlockRows);
  auto* sums = reinterpret_cast<float*>(work.scratch + packed_bytes<Kernel>(work.rows, work.k));
  auto* expanded = reinterpret_cast<std::byte*>(sums + packed_rows<Kernel>(work.rows) * kPanelCols);
  Kernel kernel(work.rows);
  if (!work.is_packed) pack_blocks<Kernel>(work, blocks, padded_k);

  if constexpr (Kernel::kAloneRows > 0) {
    if (work.rows <= Kernel::kAloneRows) return run_quantized_alone(kernel, work, padded_k, sums);
  }

  for (int64_t panel = work.first_panel; panel < work.first_panel + work.num_panels; ++panel) {
    QuantizedStretch weights = {.panels = panels, .panel = work.w + panel * work.panel_bytes, .expanded = expanded};
    int64_t k = 0;
    do {  // once if K is 0: the sums are zero
      const int64_t part = at_most(Kernel::kStretch * kUnitK, padded_k - k);
      weights.unit = k / kUnitK;
      weights.units = divide_up(part, kUnitK);
      kernel.expand(weights);
      run_blocks<Kernel>(work, blocks, padded_k, quantized_stretch<Kernel>(work, panel, k, part, blocks.count()), sums,
                         [&](int64_t rows, const std::byte* a, float* block_sums, const Prefetch& prefetch) {
                           kernel.multiply(rows, a, weights, part, block_sums, k > 0, prefetch);
                           if (k + part == padded_k) join_codes<Kernel>(rows, block_sums);
                         });
      k += part;
    } while (k < padded_k);
  }
}

template <typename Kernel>
MatmulTier quantized_tier_of() {
  return {.scratch_bytes = quantized_scratch_bytes<Kernel>,
          .rows_at_once = rows_at_once<Kernel>,
          .runs_at_once = quantized_runs_at_once<Kernel>,
          .run = run_quantized<Kernel>,
          .block_rows = Kernel::kBlockRows};
}

}  // namespace
}  // namespace braid::cpu
