// A checkpoint's tensors into the forms that the kernels read, one at a time: packed matrices, float vectors, an
// embedding table. The source's pages go back to the system as they are read, so that memory holds the packed weights
// and a few tens of megabytes more.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/buffer.h"
#include "braid/weights/checkpoint.h"

namespace braid {

// Bytes of the checkpoint read so far, and in all. Called on the loading thread.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

// Made after check_weights: names and shapes are right then. What is wrong all the same is an error that names the
// tensor.
class WeightLoader {
 public:
  // All three must outlive the loader. `progress` may be empty.
  WeightLoader(const Checkpoint& checkpoint, ThreadTeam& team, LoadProgress progress);

  // The named matrices [rows_i, k], one below the other, as one of [sum of rows_i, k]: q, k and v for one product.
  Result<PackedMatrix> matrix(std::span<const std::string> names, DType dtype) const;
  Result<PackedMatrix> matrix(const std::string& name, DType dtype) const { return matrix({&name, 1}, dtype); }

  // Two matrices [ffn, k] as one of [2 ffn, k], their rows interleaved for Epilogue::Kind::kSiluMul.
  Result<PackedMatrix> gate_up(const std::string& gate, const std::string& up, DType dtype) const;

  // A norm's weight or a bias. A value that is not finite is an error.
  Result<std::vector<float>> vector(std::string_view name) const;

  // A matrix in its own row order, for Ops::embed. (With tied embeddings none is needed: Ops::embed reads the packed
  // head's rows.)
  Result<RowsBuffer> rows(std::string_view name, DType dtype) const;

 private:
  Result<const StoredTensor*> find_usable(std::string_view name) const;
  // Calls work(begin, end) on the team's threads for parts of the tensor's rows, giving pages back behind them.
  void for_each_part(const StoredTensor& tensor, FunctionRef<void(int64_t begin, int64_t end)> work) const;
  // The same, with the rows as the kernels' packing reads them.
  void for_each_row(const StoredTensor& tensor, FunctionRef<void(ConstRows source, int64_t first)> take) const;
  void count(int64_t bytes) const;

  const Checkpoint& checkpoint_;
  ThreadTeam& team_;
  LoadProgress progress_;
  int64_t total_bytes_;
  mutable int64_t done_bytes_ = 0;
};

}  // namespace braid
