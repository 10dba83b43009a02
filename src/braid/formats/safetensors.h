// The header of a safetensors file (https://github.com/huggingface/safetensors, "Format"): 8 bytes of length, JSON,
// then the tensors' bytes without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/input_file.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct SafetensorsTensor {
  std::string name;
  std::string dtype_name;      // as in the file: "BF16", "F8_E4M3", …
  std::optional<DType> dtype;  // if braid can use it: BF16, F16, F32
  std::vector<int64_t> shape;  // the product of any of the sizes fits into 63 bits
  int64_t offset = 0;          // from the start of the file
  int64_t bytes = 0;  // the product of the shape times the dtype's size; [offset, offset + bytes) is in the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;                     // ordered by offset; names are unique
  std::vector<std::pair<std::string, std::string>> metadata;  // "__metadata__"
};

// `head`: the file's first bytes, with the whole header. Errors name the tensor, not the file.
Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> head, int64_t file_bytes);

// Errors begin with the file's name.
Result<SafetensorsHeader> read_safetensors(const InputFile& file);

}  // namespace braid
