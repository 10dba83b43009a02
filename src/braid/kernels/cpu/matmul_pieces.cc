#include "braid/kernels/cpu/matmul_pieces.h"

#include <algorithm>
#include <iterator>

namespace braid::cpu {
namespace {

// A piece takes some 25 us: long beside the taking of one, short beside the time for which a thread can lose its CPU.
constexpr int64_t kPieceCost = 512 * 1024;
// More pieces a thread would only cost time.
constexpr int64_t kMostPieces = 32;

PanelWork slice_rows(PanelWork work, IndexRange rows) {
  if (work.sources != nullptr) {
    work.sources += rows.begin;
  } else {
    work.x += rows.begin * work.x_stride_bytes;
  }
  work.y += rows.begin * work.y_stride_bytes;
  work.rows = rows.end - rows.begin;
  return work;
}

}  // namespace

MatmulPieces::MatmulPieces(const MatmulTier& tier, ThreadTeam& team, int64_t total_cost)
    : tier_(tier),
      team_(team),
      piece_cost_(std::max(kPieceCost, total_cost / (team.size() * kMostPieces))),
      packed_(static_cast<size_t>(team.size())) {}

// About 8 rows are multiplied in the time that a panel takes to arrive from memory.
int64_t MatmulPieces::cost(int64_t rows, int64_t panels, int64_t panel_bytes) {
  constexpr int64_t kRowsPerRead = 8;
  return rows == 0 ? 0 : std::max(rows, kRowsPerRead) * panels * panel_bytes / kRowsPerRead;
}

void MatmulPieces::add(const PanelWork& product, IndexRange rows, IndexRange panels) {
  if (rows.begin == rows.end || panels.begin == panels.end) return;
  const int64_t rows_at_once = tier_.rows_at_once(rows.end - rows.begin, product.k);
  for (int64_t first = rows.begin; first < rows.end; first += rows_at_once) {
    add_part(product, {.begin = first, .end = std::min(first + rows_at_once, rows.end)}, panels);
  }
}

void MatmulPieces::add_part(const PanelWork& product, IndexRange rows, IndexRange panels) {
  const int64_t count = panels.end - panels.begin;
  Part part = {
      .work = slice_rows(product, rows), .first_row = rows.begin, .end_panel = panels.end, .first_piece = num_pieces_};
  PanelWork& work = part.work;
  work.first_panel = panels.begin;
  work.num_runs = std::min(count, tier_.runs_at_once(work.rows, work.k));
  work.num_panels = count / work.num_runs;
  work.run_stride = work.num_panels;
  part.num_pieces = std::clamp(cost(work.rows, count, work.panel_bytes) / piece_cost_, int64_t{1}, work.num_panels);
  num_pieces_ += part.num_pieces;
  parts_.push_back(part);
}

void MatmulPieces::run() {
  team_.run_pieces(num_pieces_, [this](const WorkPiece& piece) { run_piece(piece); });
}

IndexRange MatmulPieces::Part::panels(int64_t piece) const {
  return split_evenly(work.num_panels, static_cast<int>(piece - first_piece), static_cast<int>(num_pieces));
}

const MatmulPieces::Part& MatmulPieces::part_of(int64_t piece) const {
  return *std::prev(std::ranges::upper_bound(parts_, piece, {}, &Part::first_piece));
}

NextPanels MatmulPieces::panels_of(int64_t piece) const {
  if (piece < 0) return {};
  const Part& part = part_of(piece);
  const PanelWork& work = part.work;
  return {.first = work.w + (work.first_panel + part.panels(piece).begin) * work.panel_bytes,
          .run_bytes = work.run_stride * work.panel_bytes,
          .num_runs = work.num_runs};
}

void MatmulPieces::run_piece(const WorkPiece& piece) {
  const Part& part = part_of(piece.index);
  const IndexRange panels = part.panels(piece.index);
  Packed& packed = packed_[static_cast<size_t>(piece.thread)];
  PanelWork work = part.work;
  work.first_panel += panels.begin;
  work.num_panels = panels.end - panels.begin;
  work.y += piece.thread * output_bytes_;
  work.scratch = team_.scratch(piece.thread, tier_.scratch_bytes(work.rows, work.k));
  work.is_packed = packed.first_row == part.first_row;

  // The panels that the runs leave over, with the last piece.
  const int64_t runs_end = part.work.first_panel + part.work.num_runs * part.work.num_panels;
  const int64_t num_left = panels.end < part.work.num_panels ? 0 : part.end_panel - runs_end;
  const NextPanels next = panels_of(piece.likely_next);
  const NextPanels left = {
      .first = work.w + runs_end * work.panel_bytes, .run_bytes = work.panel_bytes, .num_runs = num_left};
  work.next = num_left > 0 ? left : next;
  tier_.run(work);
  packed.first_row = part.first_row;
  if (num_left == 0) return;
  work.first_panel = runs_end;
  work.num_panels = 1;
  work.num_runs = num_left;
  work.run_stride = 1;
  work.is_packed = true;
  work.next = next;
  tier_.run(work);
}

}  // namespace braid::cpu
