// The definition of a product's element with quantized weights. Tested by kernels/quantized_matmul_test.cc.
#pragma once

#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/rows.h"

namespace braid::ref {

// With rounded rows: exactly the float32 that every tier computes (quantized_layout.h, ActivationBits::k8 and k16).
float rounded_dot(ConstRows x, int64_t row, const PackedMatrix& w, int64_t column);

// The weight that ActivationBits::kExact multiplies: rounded to the rows' type.
float widened_weight(const PackedMatrix& w, int64_t column, int64_t input);

}  // namespace braid::ref
