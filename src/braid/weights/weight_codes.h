// Rows of a checkpoint's matrix as codes and scales: as they are stored, or quantized while loading. Tested by
// weight_codes_test.cc.
#pragma once

#include <cstdint>
#include <optional>

#include "braid/base/result.h"
#include "braid/kernels/quantized_layout.h"
#include "braid/tensor/quantized_rows.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

// What becomes of matrices that are stored in 16 or 32 bits.
enum class Quantization : uint8_t { kNone, kInt8, kInt4 };

// How a model keeps its matrices.
struct QuantizedWeights {
  // How products with quantized weights treat their rows, where the format allows it. Absent: all weights are widened.
  std::optional<ActivationBits> activations;
  Quantization quantization = Quantization::kNone;
};

// What a matrix is for.
enum class MatrixUse : uint8_t {
  kExact,  // a router: always in the dtype
  kLayer,
  kExpert,  // of a mixture
  kVocab,   // the head and the embedding: quantized while loading, they have 8 bits
};

// The format in which a model keeps the matrix; absent: in the dtype. (In act order only layers' matrices
// are kept: products with experts and reads of an embedding take inputs in their own order.)
std::optional<QuantizedFormat> kept_format(const StoredTensor& tensor, const QuantizedWeights& how, MatrixUse use);

// Of the rows that a model's products read, with activations of `dtype`: float32 if some of its products round rows to
// codes (PackedMatrix::rounds_rows), which would otherwise be rounded twice.
DType row_dtype(const Checkpoint& checkpoint, const QuantizedWeights& how, DType dtype);

// Rows [first, first + count) in this format, on any thread. If it is not the format in which they are stored, they are
// quantized. An error names the tensor.
Result<QuantizedRows> read_weight_codes(const StoredTensor& tensor, const QuantizedFormat& format, int64_t first,
                                        int64_t count);

// Blocks of 32 with a float16 scale; integers around the middle code.
QuantizedFormat integer_format(int32_t bits);

// Rounds rows to integer_format(). 8 bits: scale = amax / 127. 4 bits: the value of the largest magnitude is -8 times
// the scale at first; then the scale is the one with the least squared error for these codes, and codes are rounded
// again. False: a value is not finite, or too large for a float16 scale.
bool quantize_rows(ConstRows source, QuantizedRows& out);

}  // namespace braid
