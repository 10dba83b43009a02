// Loads a checkpoint's tensors into the forms that the kernels read, one at a time: packed matrices (whole, or cut into
// the ranks' parts), float vectors, an embedding table. It reads the source in small pieces, so that memory holds the
// packed weights and little more.
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
#include "braid/weights/weight_codes.h"
#include "braid/weights/weight_use.h"

namespace braid {

class KeptWeights;
class PackCache;

// All rows or columns of a tensor.
inline constexpr IndexRange kWhole{.begin = 0, .end = -1};

// The part of matrices [rows_i, k], one below the other, that one packed matrix holds. Any row or column may be an
// edge, even inside a block of a quantized tensor (which is widened then, if no smaller groups fit: format_of_cols).
struct MatrixCut {
  std::vector<IndexRange> rows;  // of each matrix
  IndexRange cols = kWhole;      // of all matrices
  int64_t padded_rows = 0;       // rows of zeros fill up to this number
  int32_t domain = -1;           // the NUMA domain of its memory (first_touch.h)

  bool operator==(const MatrixCut& other) const;
};

// Use it after check_weights has passed: names and shapes are right then. Any other error names the tensor.
class WeightLoader {
 public:
  // All arguments must outlive the loader. `progress` may be empty. `first_touch` and `cache` use the same team, or are
  // null. `quantized`: how quantized matrices are kept. `kept`: where matrices and tables lie; null: in memory that
  // ends with the process.
  WeightLoader(const Checkpoint& checkpoint, ThreadTeam& team, LoadProgress progress, FirstTouch* first_touch = nullptr,
               PackCache* cache = nullptr, const QuantizedWeights& quantized = {}, KeptWeights* kept = nullptr);

  // Whether all these matrices are kept in one format, and every cut can have it. Matrices that are packed together, or
  // multiplied together (the experts of a layer), are kept only then; otherwise they are widened to a dtype.
  bool are_kept(std::span<const std::string> names, std::span<const MatrixCut> cuts, MatrixUse use) const;

  // The named matrices, one below the other, as one packed matrix for each cut. Each tensor is read once, however many
  // cuts there are. With `use` other than kExact, are_kept() says whether it is quantized.
  Result<std::vector<PackedMatrix>> matrices(std::span<const std::string> names, std::span<const MatrixCut> cuts,
                                             DType dtype, MatrixUse use = MatrixUse::kExact) const;

  // The same (q, k and v for one product), with a packed matrix for each run of matrices that are kept in one format,
  // because a checkpoint may have several: by cut, in their order.
  Result<std::vector<std::vector<PackedMatrix>>> stacks(std::span<const std::string> names,
                                                        std::span<const MatrixCut> cuts, DType dtype,
                                                        MatrixUse use) const;

  // Two matrices as one of [2 n, k] for each of `cuts`, interleaved for Epilogue::Kind::kSiluMul. A cut's first range
  // selects n rows of `gate`, its second n rows of `up`. Both names may be the same tensor.
  Result<std::vector<PackedMatrix>> gate_ups(const std::string& gate, const std::string& up,
                                             std::span<const MatrixCut> cuts, DType dtype,
                                             MatrixUse use = MatrixUse::kExact) const;

  // A norm's weight or a bias. A value that is not finite is an error.
  Result<std::vector<float>> vector(std::string_view name) const;

  // A matrix in its own row order, for Ops::embed. (Tied embeddings need none: Ops::embed reads the packed head's
  // rows.)
  Result<RowsBuffer> rows(std::string_view name, DType dtype, int32_t domain = -1) const;

  // Of all matrices and tables made so far.
  int64_t packed_bytes() const { return packed_bytes_; }
  // How the tensors loaded so far are computed with.
  const WeightUses& uses() const { return uses_; }
  int64_t huge_page_bytes() const;  // the part for which huge pages are requested

 private:
  Result<const StoredTensor*> find_usable(std::string_view name) const;
  // Calls work(begin, end) on the team's threads for parts of `rows` of the tensor. Stops at the first error.
  Status for_each_part(const StoredTensor& tensor, IndexRange rows,
                       FunctionRef<Status(int64_t begin, int64_t end)> work) const;
  // The same, with the rows in the form that the kernels' packing reads.
  Status for_each_row(const StoredTensor& tensor, IndexRange rows,
                      FunctionRef<void(ConstRows source, int64_t first)> take) const;
  // Passes each of `parts` of the tensor's rows its own rows, in pieces: take(part, rows, row in the part).
  Status deal_rows(const StoredTensor& tensor, std::span<const IndexRange> parts,
                   FunctionRef<void(size_t part, ConstRows source, int64_t first)> take) const;
  // The same as codes and scales of this format.
  Status deal_codes(const StoredTensor& tensor, const QuantizedFormat& format, std::span<const IndexRange> parts,
                    FunctionRef<void(size_t part, const QuantizedRows& source, int64_t first)> take) const;
  // The format that all tensors are kept in and every cut can have; absent: there is none.
  std::optional<QuantizedFormat> common_format(std::span<const StoredTensor* const> tensors,
                                               std::span<const MatrixCut> cuts, MatrixUse use) const;
  // An empty matrix for these columns of the tensor and those packed with it: in their part of `format`, or in the
  // dtype.
  PackedMatrix make_packed(const StoredTensor& tensor, const std::optional<QuantizedFormat>& format, DType dtype,
                           int64_t rows, IndexRange cols, int32_t domain) const;
  BufferArena& arena(int32_t domain) const;
  bool are_there() const;  // from the last start: matrices and tables need not be written, and must not be
  // Before the memory is filled.
  void prepare(std::span<const UntouchedMemory> memory) const;
  void prepare(std::vector<PackedMatrix>& packed, std::span<const MatrixCut> cuts) const;
  // Whether all of `packed` is there, or in the cache; `whats` describes their bytes. If not, `packed` is zeros.
  bool fetch(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const;
  void keep(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const;
  void count(int64_t bytes) const;

  const Checkpoint& checkpoint_;
  ThreadTeam& team_;
  LoadProgress progress_;
  FirstTouch* first_touch_;
  PackCache* cache_;
  const QuantizedWeights quantized_;
  KeptWeights* kept_;
  mutable ReadAhead read_ahead_;
  int64_t total_bytes_;
  mutable int64_t done_bytes_ = 0;
  mutable int64_t packed_bytes_ = 0;
  mutable WeightUses uses_;
  mutable std::map<int32_t, BufferArena> arenas_;  // by domain: a huge page lies in one domain
};

}  // namespace braid
