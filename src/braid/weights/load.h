// A checkpoint's tensors into the forms that the kernels read, one at a time: packed matrices (whole, or cut into the
// parts that ranks hold), float vectors, an embedding table. The source is read in small pieces, so that memory holds
// the packed weights and little more.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/buffer_arena.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/first_touch.h"
#include "braid/weights/load_progress.h"
#include "braid/weights/read_ahead.h"

namespace braid {

class PackCache;

// All rows or columns of a tensor, whatever their number.
inline constexpr IndexRange kWhole{.begin = 0, .end = -1};

// The part of matrices [rows_i, k], one below the other, that one packed matrix holds. Any row and column may be an
// edge, also inside a block of a quantized tensor.
struct MatrixCut {
  std::vector<IndexRange> rows;  // of each matrix
  IndexRange cols = kWhole;      // of all of them
  int64_t padded_rows = 0;       // if there are fewer in all, rows of zeros follow
  int32_t domain = -1;           // where its memory is to lie (first_touch.h)

  bool operator==(const MatrixCut& other) const;
};

// Made after check_weights: names and shapes are right then. What is wrong all the same is an error that names the
// tensor.
class WeightLoader {
 public:
  // All must outlive the loader. `progress` may be empty. `first_touch` and `cache`: of the same team, or null.
  WeightLoader(const Checkpoint& checkpoint, ThreadTeam& team, LoadProgress progress, FirstTouch* first_touch = nullptr,
               PackCache* cache = nullptr);

  // The named matrices, one below the other (q, k and v for one product), as one packed matrix for each cut. A tensor
  // is read once, however many cuts there are.
  Result<std::vector<PackedMatrix>> matrices(std::span<const std::string> names, std::span<const MatrixCut> cuts,
                                             DType dtype) const;

  // Two matrices as one of [2 n, k] for each of `cuts`, interleaved for Epilogue::Kind::kSiluMul: the n rows that its
  // first range takes of `gate`, and the n of `up` by its second. Both may be one tensor.
  Result<std::vector<PackedMatrix>> gate_ups(const std::string& gate, const std::string& up,
                                             std::span<const MatrixCut> cuts, DType dtype) const;

  // A norm's weight or a bias. A value that is not finite is an error.
  Result<std::vector<float>> vector(std::string_view name) const;

  // A matrix in its own row order, for Ops::embed. (With tied embeddings none is needed: Ops::embed reads the packed
  // head's rows.)
  Result<RowsBuffer> rows(std::string_view name, DType dtype, int32_t domain = -1) const;

  // Of all that was made so far.
  int64_t packed_bytes() const { return packed_bytes_; }
  int64_t huge_page_bytes() const;  // of it, for which huge pages are asked

 private:
  Result<const StoredTensor*> find_usable(std::string_view name) const;
  // Calls work(begin, end) on the team's threads for parts of `rows` of the tensor. The first error ends it.
  Status for_each_part(const StoredTensor& tensor, IndexRange rows,
                       FunctionRef<Status(int64_t begin, int64_t end)> work) const;
  // The same, with the rows as the kernels' packing reads them.
  Status for_each_row(const StoredTensor& tensor, IndexRange rows,
                      FunctionRef<void(ConstRows source, int64_t first)> take) const;
  // Gives each of `parts` of the tensor's rows what it holds of them, in pieces: take(part, rows, row in the part).
  Status deal_rows(const StoredTensor& tensor, std::span<const IndexRange> parts,
                   FunctionRef<void(size_t part, ConstRows source, int64_t first)> take) const;
  void touch(std::vector<PackedMatrix>& packed, std::span<const MatrixCut> cuts) const;
  // Whether the cache had all of `packed`, whose bytes `whats` describes; if not, they are zeros.
  bool fetch(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const;
  void keep(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const;
  void count(int64_t bytes) const;

  const Checkpoint& checkpoint_;
  ThreadTeam& team_;
  LoadProgress progress_;
  FirstTouch* first_touch_;
  PackCache* cache_;
  mutable ReadAhead read_ahead_;
  int64_t total_bytes_;
  mutable int64_t done_bytes_ = 0;
  mutable int64_t packed_bytes_ = 0;
  mutable std::map<int32_t, BufferArena> arenas_;  // by domain: a huge page lies in one
};

}  // namespace braid
