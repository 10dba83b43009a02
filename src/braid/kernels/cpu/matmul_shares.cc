#include "braid/kernels/cpu/matmul_shares.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid::cpu {
namespace {

OutputKind output_kind(const Epilogue& epilogue, DType dtype) {
  const bool is_f32 = dtype == DType::kFloat32;
  switch (epilogue.kind) {
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

void check_shapes(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  CHECK(x.dtype == w.dtype(), "rows of {} times weights of {}", dtype_name(x.dtype), dtype_name(w.dtype()));
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

// The operands of a product.
PanelWork input_work(ConstRows x, const int32_t* sources, int64_t rows, const PackedMatrix& w, IndexRange panels) {
  return {.x = x.data,
          .sources = sources,
          .x_stride_bytes = x.stride * dtype_bytes(x.dtype),
          .rows = rows,
          .k = x.cols,
          .w = w.panel(panels.begin),
          .panel_bytes = w.panel_bytes(),
          .num_panels = panels.end - panels.begin};
}

// Everything but the scratch memory.
PanelWork make_work(ConstRows x, const int32_t* sources, int64_t rows, const PackedMatrix& w, IndexRange panels, Rows y,
                    const Epilogue& epilogue) {
  const int64_t cols = epilogue.is_gated() ? kPanelCols / 2 : kPanelCols;
  const int64_t first_col = panels.begin * cols;
  const int64_t first_bias = panels.begin * kPanelCols;
  const bool has_bias = !epilogue.bias.empty();
  PanelWork work = input_work(x, sources, rows, w, panels);
  work.y = y.data + first_col * dtype_bytes(y.dtype);
  work.y_stride_bytes = y.stride * dtype_bytes(y.dtype);
  work.y_cols = y.cols - first_col;
  work.bias = has_bias ? epilogue.bias.data() + first_bias : nullptr;
  work.bias_cols = static_cast<int64_t>(epilogue.bias.size()) - first_bias;
  work.output = output_kind(epilogue, y.dtype);
  return work;
}

void run(const MatmulTier& tier, ThreadTeam& team, int thread, PanelWork work) {
  if (work.rows == 0 || work.num_panels == 0) return;
  work.scratch = team.scratch(thread, tier.scratch_bytes(work.rows, work.k));
  tier.run(work);
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

// The threads of a whole product: each has some of the rows and some of the panels.
class ProductCuts {
 public:
  ProductCuts(const MatmulTier& tier, const ThreadTeam& team, int64_t rows, const PackedMatrix& w)
      : rows_(rows),
        panels_(w.num_panels()),
        row_cuts_(row_cuts(team.size(), panels_, rows, (rows + tier.block_rows - 1) / tier.block_rows)),
        panel_cuts_(team.size() / row_cuts_) {}

  int count() const { return row_cuts_ * panel_cuts_; }  // threads with a share
  IndexRange rows_of(int thread) const { return split_evenly(rows_, thread / panel_cuts_, row_cuts_); }
  // Ascending with the thread.
  IndexRange panels_of(int thread) const { return split_evenly(panels_, thread % panel_cuts_, panel_cuts_); }

 private:
  int64_t rows_;
  int64_t panels_;
  int row_cuts_;
  int panel_cuts_;
};

ColumnMaxima none_yet() {
  ColumnMaxima none;
  std::ranges::fill(none.value, -std::numeric_limits<float>::infinity());
  std::ranges::fill(none.panel, ColumnMaxima::kNoPanel);
  return none;
}

// The largest value, for work whose first panel is `first_panel`.
RowMax max_of(const ColumnMaxima& columns, int64_t first_panel) {
  RowMax max;
  for (int64_t i = 0; i < kPanelCols; ++i) {
    if (columns.panel[i] == ColumnMaxima::kNanPanel) max.has_nan = true;
    const float value = columns.value[i];
    const auto index = static_cast<int32_t>((first_panel + columns.panel[i]) * kPanelCols + i);
    if (value > max.value || (max.index >= 0 && value == max.value && index < max.index)) {
      max.value = value;
      max.index = index;
    }
  }
  return max;
}

// `more` covers columns after those of `max`.
void join(RowMax& max, const RowMax& more) {
  max.has_nan = max.has_nan || more.has_nan;
  if (more.value <= max.value) return;
  max.value = more.value;
  max.index = more.index;
}

// The cost of one panel of an expert with `rows` rows, in units of reading the panel: about 8 rows are multiplied in
// the time that a panel takes to arrive from memory.
int64_t panel_cost(int64_t rows) {
  constexpr int64_t kRowsPerRead = 8;
  return rows == 0 ? 0 : std::max(rows, kRowsPerRead);
}

}  // namespace

void matmul_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y,
                 const Epilogue& epilogue) {
  check_shapes(x, w, y, epilogue);
  CHECK(x.rows == y.rows, "{} rows in, {} out", x.rows, y.rows);
  if (x.rows == 0 || w.n() == 0) return;
  const ProductCuts cuts(tier, team, x.rows, w);
  team.run([&](int thread) {
    if (thread >= cuts.count()) return;
    const IndexRange rows = cuts.rows_of(thread);
    const int64_t count = rows.end - rows.begin;
    run(tier, team, thread,
        make_work(x.slice_rows(rows.begin, count), nullptr, count, w, cuts.panels_of(thread),
                  y.slice_rows(rows.begin, count), epilogue));
  });
}

void matmul_max_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                     std::span<RowMax> maxima) {
  CHECK(x.dtype == w.dtype() && x.cols == w.k() && static_cast<int64_t>(maxima.size()) == x.rows && cols <= w.n(),
        "{} maxima of [{}, {}] {} times [{}, {}] {}, {} columns", maxima.size(), x.rows, x.cols, dtype_name(x.dtype),
        w.n(), w.k(), dtype_name(w.dtype()), cols);
  std::ranges::fill(maxima, RowMax());
  if (x.rows == 0 || cols == 0) return;
  const ProductCuts cuts(tier, team, x.rows, w);
  std::vector<std::vector<RowMax>> found(static_cast<size_t>(cuts.count()));
  team.run([&](int thread) {
    if (thread >= cuts.count()) return;
    const IndexRange rows = cuts.rows_of(thread);
    const IndexRange panels = cuts.panels_of(thread);
    const int64_t count = rows.end - rows.begin;
    const int64_t maxima_bytes = count * static_cast<int64_t>(sizeof(ColumnMaxima));
    std::byte* const memory = team.scratch(thread, maxima_bytes + tier.scratch_bytes(count, x.cols));
    const std::span own(reinterpret_cast<ColumnMaxima*>(memory), static_cast<size_t>(count));
    for (ColumnMaxima& row : own) row = none_yet();
    PanelWork work = input_work(x.slice_rows(rows.begin, count), nullptr, count, w, panels);
    work.y = memory;
    work.y_stride_bytes = sizeof(ColumnMaxima);
    work.y_cols = cols - panels.begin * kPanelCols;
    work.output = OutputKind::kMaxF32;
    work.scratch = memory + maxima_bytes;
    if (count > 0 && work.num_panels > 0) tier.run(work);
    auto& result = found[static_cast<size_t>(thread)];
    for (const ColumnMaxima& row : own) result.push_back(max_of(row, panels.begin));
  });
  for (int thread = 0; thread < cuts.count(); ++thread) {
    const auto& part = found[static_cast<size_t>(thread)];
    const auto first = static_cast<size_t>(cuts.rows_of(thread).begin);
    for (size_t i = 0; i < part.size(); ++i) join(maxima[first + i], part[i]);
  }
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
  }
  CHECK(expert_rows.offsets[num_experts] == y.rows, "{} sorted rows, {} out", expert_rows.offsets[num_experts], y.rows);
  const int64_t num_panels = w[0].num_panels();
  const auto rows_of = [&](int64_t expert) {
    return int64_t{expert_rows.offsets[expert + 1]} - expert_rows.offsets[expert];
  };
  int64_t total_cost = 0;
  for (int64_t expert = 0; expert < num_experts; ++expert) total_cost += panel_cost(rows_of(expert)) * num_panels;

  team.run([&](int thread) {
    // This thread's share: the panels, in order of experts, whose cost begins in its part of the total.
    const int64_t begin = total_cost * thread / team.size();
    const int64_t end = total_cost * (thread + 1) / team.size();
    int64_t before = 0;
    for (int64_t expert = 0; expert < num_experts && before < end; ++expert) {
      const int64_t cost = panel_cost(rows_of(expert));
      if (cost == 0) continue;
      const auto panel_at = [&](int64_t at) {
        return std::clamp((at - before + cost - 1) / cost, int64_t{0}, num_panels);
      };
      const IndexRange panels = {.begin = begin <= before ? 0 : panel_at(begin), .end = panel_at(end)};
      before += cost * num_panels;
      if (panels.begin >= panels.end) continue;
      const int64_t first = expert_rows.offsets[expert];
      const int64_t rows = rows_of(expert);
      const Rows out = y.slice_rows(first, rows);
      const Epilogue own = of_expert(epilogue, expert);
      if (expert_rows.sources.empty()) {
        run(tier, team, thread, make_work(x.slice_rows(first, rows), nullptr, rows, w[expert], panels, out, own));
      } else {
        run(tier, team, thread, make_work(x, expert_rows.sources.data() + first, rows, w[expert], panels, out, own));
      }
    }
  });
}

}  // namespace braid::cpu
