// The element types of GGUF files: block sizes, and, for types that braid can use, the conversion of a block to
// float32. A new block type needs functions (ggml_blocks.h) and a line in ggml_type.cc's table. Tested by
// gguf_test.cc and ggml_codes_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "braid/formats/ggml_blocks.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

struct GgmlType {
  uint32_t id;  // as in the file (ggml.h, enum ggml_type)
  std::string_view name;
  int32_t block_elements;  // a row is a whole number of blocks
  int32_t block_bytes;
  std::optional<DType> plain;  // blocks of one element that a DType describes

  // Converts each block to block_elements floats, with the same bits as dequantize of the `gguf` Python package; null
  // for a type that braid cannot use. `blocks` need not be aligned.
  void (*to_float)(const std::byte* blocks, int64_t num_blocks, float* out);

  // A quantized type's elements as codes and scales, which stand for the same values; null for others.
  const QuantizedFormat* format = nullptr;
  void (*to_codes)(const std::byte* block, const CodesOfBlock& out) = nullptr;
  // Where a quantized type's scale (float16, or E8M0 as its format says) and minimum (float16) are in a block; -1: it
  // has none.
  int32_t scale_at = -1;
  int32_t minimum_at = -1;
};

// Reads rows of blocks, one row of `from` after another at a distance of `row_step` bytes, into `out`, which has the
// type's format. Rows are whole blocks. The type has to_codes.
void read_ggml_codes(const GgmlType& type, const std::byte* from, int64_t row_step, QuantizedRows& out);

// The first scale or minimum in consecutive blocks that is not finite; absent: all are, or the type has none.
std::optional<float> find_infinite_scale(const GgmlType& type, const std::byte* blocks, int64_t num_blocks);

// Null: unknown id.
const GgmlType* find_ggml_type(uint32_t id);

// "F32, F16, …": the types with to_float.
std::string supported_ggml_types();

}  // namespace braid
