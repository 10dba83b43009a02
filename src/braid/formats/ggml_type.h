// The element types of GGUF files: how they lie in blocks, and, for those braid can use, how a block becomes float32.
// Another block type is one more function (ggml_blocks.h) and a line in ggml_type.cc's table.
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

  // Blocks to block_elements floats each, with the bits that the `gguf` Python package's dequantize gives; null for a
  // type that braid cannot use. `blocks` need not be aligned.
  void (*to_float)(const std::byte* blocks, int64_t num_blocks, float* out);
};

// Null: not a type at all.
const GgmlType* find_ggml_type(uint32_t id);

// "F32, F16, …": those with to_float.
std::string supported_ggml_types();

}  // namespace braid
