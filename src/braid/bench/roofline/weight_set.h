// Distinct random matrices of one shape, more of them than any cache holds: a product that takes the next one each time
// reads its weights from memory, as a model's step does.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/kernels/packed_matrix.h"

namespace braid {

// Normally distributed with standard deviation `scale`, from `seed`.
RowsBuffer random_rows(DType dtype, int64_t rows, int64_t cols, float scale, uint64_t seed);

class WeightSet {
 public:
  // As many matrices [n, k] as `bytes` hold, at least one; a prime number of them, so that callers who take turns all
  // meet every matrix (some lie better in memory than others).
  WeightSet(ThreadTeam& team, DType dtype, int64_t n, int64_t k, int64_t bytes);

  const PackedMatrix& next();
  const PackedMatrix& first() const { return matrices_.front(); }
  int64_t matrix_bytes() const { return matrices_.front().bytes(); }

 private:
  std::vector<PackedMatrix> matrices_;
  size_t next_ = 0;
};

}  // namespace braid
