// Cuts products into pieces for a team of threads (ThreadTeam::run_pieces). Pieces cut rows and panels, never k. Tested
// by kernels/matmul_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {

class MatmulPieces {
 public:
  // `total_cost` is the sum of cost() of all products.
  MatmulPieces(const MatmulTier& tier, ThreadTeam& team, int64_t total_cost);

  // The time that rows times panels take, in bytes of weights read meanwhile.
  static int64_t cost(int64_t rows, int64_t panels, int64_t panel_bytes);

  // Adds some rows of a product, all or some, times `panels`. A row belongs to one matrix.
  void add(const PanelWork& product, IndexRange rows, IndexRange panels);

  // Each thread writes to y + thread * bytes.
  void give_each_thread_an_output(int64_t bytes) { output_bytes_ = bytes; }

  // Computes all pieces.
  void run();

 private:
  // A part of a product that is cut into pieces along its panels: into runs that are read side by side, each of which a
  // thread reads from end to end, piece after piece.
  struct Part {
    PanelWork work;
    int64_t first_row = 0;
    int64_t end_panel = 0;
    int64_t first_piece = 0;
    int64_t num_pieces = 0;

    IndexRange panels(int64_t piece) const;  // of each run
  };
  struct alignas(64) Packed {
    int64_t first_row = -1;  // of the rows in a thread's scratch memory
  };

  void add_part(const PanelWork& product, IndexRange rows, IndexRange panels);
  const Part& part_of(int64_t piece) const;
  NextPanels panels_of(int64_t piece) const;
  void run_piece(const WorkPiece& piece);

  const MatmulTier& tier_;
  ThreadTeam& team_;
  const int64_t piece_cost_;
  int64_t output_bytes_ = 0;
  int64_t num_pieces_ = 0;
  std::vector<Part> parts_;
  std::vector<Packed> packed_;  // of each thread
};

}  // namespace braid::cpu
