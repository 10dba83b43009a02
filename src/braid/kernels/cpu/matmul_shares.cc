#include "braid/kernels/cpu/matmul_shares.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "braid/base/check.h"
#include "braid/base/index_range.h"
#include "braid/kernels/cpu/matmul_pieces.h"

namespace braid::cpu {
namespace {

bool takes_rows(const PackedMatrix& w, DType dtype) {
  return dtype == w.dtype() || (w.rounds_rows() && (dtype == DType::kFloat32 || dtype == DType::kBFloat16));
}

void check_shapes(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  CHECK(takes_rows(w, x.dtype), "rows of {} times weights of {}", dtype_name(x.dtype), dtype_name(w.dtype()));
  CHECK(x.cols == w.k(), "rows of {} times [{}, {}]", x.cols, w.n(), w.k());
  CHECK(y.cols == (epilogue.is_gated() ? w.n() / 2 : w.n()), "{} columns out of [{}, {}]", y.cols, w.n(), w.k());
  CHECK(y.dtype == DType::kFloat32 || (y.dtype == w.dtype() && epilogue.kind != Epilogue::Kind::kAdd),
        "an output of {}", dtype_name(y.dtype));
  CHECK(epilogue.bias.empty() || static_cast<int64_t>(epilogue.bias.size()) >= w.n(), "a bias of {} for {} columns",
        epilogue.bias.size(), w.n());
}

// The epilogue of one expert.
Epilogue of_expert(const Epilogue& epilogue, int64_t expert) {
  Epilogue own = epilogue;
  if (!epilogue.expert_biases.empty()) own.bias = epilogue.expert_biases[static_cast<size_t>(expert)];
  return own;
}

// A product's operands: rows [0, rows) of x, or those that `sources` picks.
PanelWork make_work(ConstRows x, const int32_t* sources, int64_t rows, const PackedMatrix& w) {
  return {.x = x.data,
          .sources = sources,
          .x_stride_bytes = x.stride * dtype_bytes(x.dtype),
          .x_is_f32 = x.dtype == DType::kFloat32,
          .rows = rows,
          .k = x.cols,
          .w = w.panel(0),
          .panel_bytes = w.panel_bytes(),
          .quantized = w.is_quantized() ? &w.panels() : nullptr};
}

// The same with its output.
PanelWork make_work(ConstRows x, const int32_t* sources, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  PanelWork work = make_work(x, sources, y.rows, w);
  work.y = y.data;
  work.y_stride_bytes = y.stride * dtype_bytes(y.dtype);
  work.y_cols = y.cols;
  work.bias = epilogue.bias.empty() ? nullptr : epilogue.bias.data();
  work.bias_cols = static_cast<int64_t>(epilogue.bias.size());
  work.output = output_kind(epilogue.kind, y.dtype);
  return work;
}

// Each thread packs the rows that it multiplies. From this many rows per thread on, packing the same rows in several
// threads costs more than reading the same weights in several threads.
constexpr int64_t kRowsWorthACut = 96;

// By how many threads to divide the rows (the other factor divides the panels). All of them for many rows; else the
// number that makes the largest share as small as possible, which is one unless there are too few panels for the
// threads.
int row_cuts(int threads, int64_t panels, int64_t rows, int64_t row_blocks) {
  if (rows >= threads * kRowsWorthACut) return threads;
  int best = 1;
  int64_t best_share = -1;
  for (int cuts = 1; cuts <= threads && cuts <= row_blocks; ++cuts) {
    if (threads % cuts != 0) continue;
    const int64_t share = ((panels + threads / cuts - 1) / (threads / cuts)) * ((row_blocks + cuts - 1) / cuts);
    if (best_share < 0 || share < best_share) {
      best = cuts;
      best_share = share;
    }
  }
  return best;
}

// The pieces of a whole product: each thread begins with some of the rows and some of the panels.
MatmulPieces cut(const MatmulTier& tier, ThreadTeam& team, const PanelWork& work, int64_t num_panels) {
  MatmulPieces pieces(tier, team, MatmulPieces::cost(work.rows, num_panels, work.panel_bytes));
  const int num_row_cuts =
      row_cuts(team.size(), num_panels, work.rows, (work.rows + tier.block_rows - 1) / tier.block_rows);
  const int num_panel_cuts = team.size() / num_row_cuts;
  for (int row_cut = 0; row_cut < num_row_cuts; ++row_cut) {
    const IndexRange rows = split_evenly(work.rows, row_cut, num_row_cuts);
    for (int panel_cut = 0; panel_cut < num_panel_cuts; ++panel_cut) {
      pieces.add(work, rows, split_evenly(num_panels, panel_cut, num_panel_cuts));
    }
  }
  return pieces;
}

ColumnMaxima none_yet() {
  ColumnMaxima none;
  std::ranges::fill(none.value, -std::numeric_limits<float>::infinity());
  std::ranges::fill(none.panel, ColumnMaxima::kNoPanel);
  return none;
}

// The largest value of all columns.
RowMax max_of(const ColumnMaxima& columns) {
  RowMax max;
  for (int64_t i = 0; i < kPanelCols; ++i) {
    if (columns.panel[i] == ColumnMaxima::kNanPanel) max.has_nan = true;
    const float value = columns.value[i];
    const auto index = static_cast<int32_t>(columns.panel[i] * kPanelCols + i);
    if (value > max.value || (max.index >= 0 && value == max.value && index < max.index)) {
      max.value = value;
      max.index = index;
    }
  }
  return max;
}

void join(RowMax& max, const RowMax& more) {
  max.has_nan = max.has_nan || more.has_nan;
  const bool is_better = more.value > max.value || (more.value == max.value && more.index < max.index);
  if (more.index < 0 || (max.index >= 0 && !is_better)) return;
  max.value = more.value;
  max.index = more.index;
}

}  // namespace

OutputKind output_kind(Epilogue::Kind kind, DType dtype) {
  const bool is_f32 = dtype == DType::kFloat32;
  switch (kind) {
    case Epilogue::Kind::kStore:
      return is_f32 ? OutputKind::kStoreF32 : OutputKind::kStoreBf16;
    case Epilogue::Kind::kAdd:
      return OutputKind::kAddF32;
    case Epilogue::Kind::kSiluMul:
      return is_f32 ? OutputKind::kSiluMulF32 : OutputKind::kSiluMulBf16;
    case Epilogue::Kind::kGeluMul:
      return is_f32 ? OutputKind::kGeluMulF32 : OutputKind::kGeluMulBf16;
    case Epilogue::Kind::kClampedSwigluMul:
      return is_f32 ? OutputKind::kClampedSwigluMulF32 : OutputKind::kClampedSwigluMulBf16;
  }
  return OutputKind::kStoreF32;
}

void matmul_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y,
                 const Epilogue& epilogue) {
  check_shapes(x, w, y, epilogue);
  CHECK(x.rows == y.rows, "{} rows in, {} out", x.rows, y.rows);
  if (x.rows == 0 || w.n() == 0) return;
  cut(tier, team, make_work(x, nullptr, w, y, epilogue), w.num_panels()).run();
}

void matmul_max_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                     std::span<RowMax> maxima) {
  CHECK(takes_rows(w, x.dtype) && x.cols == w.k() && static_cast<int64_t>(maxima.size()) == x.rows && cols <= w.n(),
        "{} maxima of [{}, {}] {} times [{}, {}] {}, {} columns", maxima.size(), x.rows, x.cols, dtype_name(x.dtype),
        w.n(), w.k(), dtype_name(w.dtype()), cols);
  std::ranges::fill(maxima, RowMax());
  if (x.rows == 0 || cols == 0) return;
  std::vector<ColumnMaxima> of_threads(static_cast<size_t>(x.rows * team.size()), none_yet());
  PanelWork work = make_work(x, nullptr, x.rows, w);
  work.y = reinterpret_cast<std::byte*>(of_threads.data());
  work.y_stride_bytes = sizeof(ColumnMaxima);
  work.y_cols = cols;
  work.output = OutputKind::kMaxF32;
  MatmulPieces pieces = cut(tier, team, work, w.num_panels());
  pieces.give_each_thread_an_output(x.rows * work.y_stride_bytes);
  pieces.run();
  for (size_t i = 0; i < of_threads.size(); ++i) join(maxima[i % maxima.size()], max_of(of_threads[i]));
}

void grouped_matmul_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const ExpertRows& expert_rows,
                         std::span<const PackedMatrix> w, Rows y, const Epilogue& epilogue) {
  const auto num_experts = static_cast<int64_t>(w.size());
  if (num_experts == 0) return;
  CHECK(static_cast<int64_t>(expert_rows.offsets.size()) == num_experts + 1, "{} offsets for {} matrices",
        expert_rows.offsets.size(), num_experts);
  CHECK(epilogue.expert_biases.empty() || epilogue.expert_biases.size() == w.size(), "{} biases for {} matrices",
        epilogue.expert_biases.size(), num_experts);
  for (int64_t expert = 0; expert < num_experts; ++expert) {
    const PackedMatrix& matrix = w[static_cast<size_t>(expert)];
    check_shapes(x, matrix, y, of_expert(epilogue, expert));
    CHECK(matrix.n() == w[0].n(), "matrices of {} and {} columns", w[0].n(), matrix.n());
    CHECK(matrix.has_format_of(w[0]), "matrices of two formats");
  }
  CHECK(expert_rows.offsets[num_experts] == y.rows, "{} sorted rows, {} out", expert_rows.offsets[num_experts], y.rows);
  const auto rows_of = [&](int64_t expert) {
    return int64_t{expert_rows.offsets[expert + 1]} - expert_rows.offsets[expert];
  };
  int64_t total_cost = 0;
  for (int64_t expert = 0; expert < num_experts; ++expert) {
    total_cost += MatmulPieces::cost(rows_of(expert), w[expert].num_panels(), w[expert].panel_bytes());
  }
  MatmulPieces pieces(tier, team, total_cost);
  for (int64_t expert = 0; expert < num_experts; ++expert) {
    const IndexRange range = {.begin = expert_rows.offsets[expert], .end = expert_rows.offsets[expert + 1]};
    if (range.begin == range.end) continue;
    const PackedMatrix& matrix = w[static_cast<size_t>(expert)];
    const int32_t* sources = expert_rows.sources.empty() ? nullptr : expert_rows.sources.data();
    pieces.add(make_work(x, sources, matrix, y, of_expert(epilogue, expert)), range,
               {.begin = 0, .end = matrix.num_panels()});
  }
  pieces.run();
}

}  // namespace braid::cpu
