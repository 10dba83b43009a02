// The element types of GGUF files: block sizes, and, for types that braid can use, the conversion of a block to
// float32. A new block type needs a function (ggml_blocks.h) and a line in ggml_type.cc's table. Tested by
// gguf_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "braid/tensor/dtype.h"

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
};

// Null: unknown id.
const GgmlType* find_ggml_type(uint32_t id);

// "F32, F16, …": the types with to_float.
std::string supported_ggml_types();

}  // namespace braid
