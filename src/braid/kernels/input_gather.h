// Rows as a product reads them: in its matrix' own order of inputs (PackedMatrix::input_order) where the weights are in
// act order, and rounded to the matrix' dtype. Tested by input_gather_test.cc.
#pragma once

#include "braid/kernels/ops.h"
#include "braid/tensor/buffer.h"

namespace braid {

class InputGather {
 public:
  // `x` itself if the product reads it as it is; else a copy, which is valid until the next call.
  ConstRows operator()(Ops& ops, ConstRows x, const PackedMatrix& w);

 private:
  Buffer buffer_;  // as large as the largest rows so far
};

}  // namespace braid
