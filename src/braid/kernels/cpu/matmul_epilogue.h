// What happens to a panel's float32 sums: bias, then store, add, a gate's function times up, or keep the largest. Plain
// loops that the compiler vectorises with the including tier's flags. Nothing depends on the vector width, so all tiers
// produce the same bits. Tested by kernels/matmul_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/kernels/cpu/gated_inl.h"
#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {
namespace {

// One row of one panel: `sums` [32]; y at the panel's first column; `cols` columns of y (a constant where inlined so).
inline __attribute__((always_inline)) void finish_row(OutputKind output, float* sums, std::byte* y, int64_t cols) {
  auto* floats = reinterpret_cast<float*>(y);
  auto* halves = reinterpret_cast<uint16_t*>(y);
  switch (output) {
    case OutputKind::kStoreF32:
      for (int64_t i = 0; i < cols; ++i) floats[i] = sums[i];
      break;
    case OutputKind::kStoreBf16:
      for (int64_t i = 0; i < cols; ++i) halves[i] = round_to_bf16(sums[i]);
      break;
    case OutputKind::kAddF32:
      for (int64_t i = 0; i < cols; ++i) floats[i] += sums[i];
      break;
    case OutputKind::kMaxF32:
      break;  // keep_maxima
    default:
      finish_gated(output, sums, sums + kPanelCols / 2, y, cols);
  }
}

// The same for kMaxF32. Panels may come in any order. A NaN counts as infinity in a panel below all others, so that
// nothing replaces it.
inline __attribute__((always_inline)) void keep_maxima(const float* __restrict sums, ColumnMaxima* __restrict maxima,
                                                       int32_t panel, int64_t cols) {
  for (int64_t i = 0; i < cols; ++i) {
    const bool is_nan = sums[i] != sums[i];
    const float value = is_nan ? __builtin_inff() : sums[i];
    const int32_t at = is_nan ? ColumnMaxima::kNanPanel : panel;
    const float best = maxima->value[i];
    const int32_t best_at = maxima->panel[i];
    const bool is_better = (value > best) | ((value == best) & (at < best_at));
    maxima->value[i] = is_better ? value : best;
    maxima->panel[i] = is_better ? at : best_at;
  }
}

// Output columns of one panel.
inline int64_t output_cols(OutputKind output) {
  return output >= OutputKind::kSiluMulF32 ? kPanelCols / 2 : kPanelCols;
}

inline int64_t output_bytes(OutputKind output) {
  switch (output) {
    case OutputKind::kStoreBf16:
    case OutputKind::kSiluMulBf16:
    case OutputKind::kGeluMulBf16:
    case OutputKind::kClampedSwigluMulBf16:
      return 2;
    default:
      return 4;
  }
}

// The start of a panel's output for one row.
inline std::byte* panel_output(const PanelWork& work, int64_t panel, int64_t row) {
  const int64_t first_col = work.output == OutputKind::kMaxF32 ? 0 : panel * output_cols(work.output);
  return work.y + row * work.y_stride_bytes + first_col * output_bytes(work.output);
}

// The lines that finish_panel will write for one panel. They are fetched a few at a time while the panel is multiplied,
// so that the stores do not wait: the output of a long prompt is in no cache, and a burst of requests would hold up
// those for weights.
struct OutputLines {
  const std::byte* y = nullptr;
  int64_t stride_bytes = 0;
  int64_t row_bytes = 0;
  int64_t rows = 0;
  int64_t rows_at_once = 0;

  // Fetches the next rows_at_once rows' lines.
  __attribute__((always_inline)) void prefetch_some() {
    for (int64_t count = rows_at_once; count > 0 && rows > 0; --count, --rows, y += stride_bytes) {
      for (int64_t at = 0; at < row_bytes; at += 64) __builtin_prefetch(y + at, 1, 3);
    }
  }
};

inline OutputLines output_lines(const PanelWork& work, int64_t panel, int64_t first_row, int64_t rows) {
  return {.y = panel_output(work, panel, first_row),
          .stride_bytes = work.y_stride_bytes,
          .row_bytes = output_cols(work.output) * output_bytes(work.output),
          .rows = rows};
}

// Finishes rows [first_row, first_row + rows) of `work`'s panel number `panel`, from sums [rows][32], which it may
// change.
inline void finish_panel(const PanelWork& work, int64_t panel, int64_t first_row, int64_t rows, float* sums) {
  const int64_t width = output_cols(work.output);
  const int64_t left = work.y_cols - panel * width;
  const int64_t cols = left < width ? left : width;
  if (work.bias != nullptr) {
    const int64_t bias_left = work.bias_cols - panel * kPanelCols;
    const int64_t bias_cols = bias_left < kPanelCols ? bias_left : kPanelCols;
    const float* bias = work.bias + panel * kPanelCols;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < bias_cols; ++i) sums[row * kPanelCols + i] += bias[i];
    }
  }
  std::byte* y = panel_output(work, panel, first_row);
  if (work.output == OutputKind::kMaxF32) {
    for (int64_t row = 0; row < rows; ++row, y += work.y_stride_bytes, sums += kPanelCols) {
      auto* maxima = reinterpret_cast<ColumnMaxima*>(y);
      if (cols == kPanelCols) {
        keep_maxima(sums, maxima, static_cast<int32_t>(panel), kPanelCols);
      } else {
        keep_maxima(sums, maxima, static_cast<int32_t>(panel), cols);
      }
    }
    return;
  }
  for (int64_t row = 0; row < rows; ++row, y += work.y_stride_bytes, sums += kPanelCols) {
    if (cols == kPanelCols) {
      finish_row(work.output, sums, y, kPanelCols);
    } else if (cols == kPanelCols / 2) {
      finish_row(work.output, sums, y, kPanelCols / 2);
    } else {
      finish_row(work.output, sums, y, cols);
    }
  }
}

}  // namespace
}  // namespace braid::cpu
