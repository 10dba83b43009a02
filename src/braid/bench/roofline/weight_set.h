// Distinct random matrices of one shape, more than any cache holds. A product that takes the next one each time reads
// its weights from memory, like a model's step. Tested by kernels/kernels_report_test.cc.
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
  // As many matrices [n, k] as fit `bytes`, at least one. Their number is prime, so that callers that take turns all
  // use every matrix (some have better places in memory than others).
  WeightSet(ThreadTeam& team, DType dtype, int64_t n, int64_t k, int64_t bytes);

  // The same of quantized rows: each panel of a matrix has those of `panel`, which are 32; n is a multiple of 32.
  WeightSet(ThreadTeam& team, const QuantizedRows& panel, ActivationBits activations, DType dtype, int64_t n,
            int64_t bytes);

  const PackedMatrix& next();
  const PackedMatrix& first() const { return matrices_.front(); }
  int64_t matrix_bytes() const { return matrices_.front().bytes(); }

 private:
  // Makes `bytes` of matrices; make(arena) makes one, and pack(matrix, first, count) fills `count` columns.
  template <typename Make, typename Pack>
  void fill(ThreadTeam& team, int64_t n, int64_t bytes, const Make& make, const Pack& pack);

  std::vector<PackedMatrix> matrices_;
  size_t next_ = 0;
};

}  // namespace braid
