// Rows in a matrix' own order of inputs (PackedMatrix::input_order), for products with weights in act order. Tested by
// input_gather_test.cc.
#pragma once

#include "braid/kernels/ops.h"
#include "braid/tensor/buffer.h"

namespace braid {

class InputGather {
 public:
  // `x` itself if the matrix has no order; else a copy, which is valid until the next call.
  ConstRows operator()(Ops& ops, ConstRows x, const PackedMatrix& w);

 private:
  Buffer buffer_;  // as large as the largest rows so far
};

}  // namespace braid
