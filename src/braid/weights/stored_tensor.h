// One tensor of a checkpoint as stored in its files. Its rows can be read as float32 or bfloat16, whatever its type,
// and as codes and scales if it is quantized. Tested by stored_tensor_test.cc and quantized_parts_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/ggml_type.h"
#include "braid/formats/input_file.h"
#include "braid/tensor/quantized_rows.h"
#include "braid/tensor/rows.h"
#include "braid/weights/quantized_parts.h"

namespace braid {

struct StoredTensor {
  std::string stored_name;  // in the file; the checkpoint names it as Hugging Face does
  std::vector<int64_t> shape;
  std::string type_name;       // "BF16", "Q8_0", …
  std::optional<DType> plain;  // consecutive elements of a DType
  // Otherwise one of these three, or braid cannot use this type. Blocks of a GGUF file, if the type has to_float:
  const GgmlType* ggml = nullptr;
  int32_t block_elements = 1;
  int32_t block_bytes = 1;
  // Above 0: the rows of each of this many heads are interleaved, as llama.cpp's "llama" architecture stores Q and K.
  // Reading undoes it.
  int32_t interleaved_heads = 0;
  // Distances in bytes from one row to the next and, with `plain`, from one element of a row to the next; 0: they are
  // adjacent. (For one of several matrices in a tensor, whose rows may be the tensor's columns: stacked_experts.h.)
  int64_t row_step = 0;
  int64_t element_step = 0;
  // The place of MXFP4's exponents if they are a separate tensor (formats/mxfp4.h).
  struct Exponents {
    const InputFile* file = nullptr;
    int64_t offset = 0;    // in the file, of the first row's exponents
    int64_t row_step = 0;  // to the next row's exponents
    std::string stored_name = {};
  };
  std::optional<Exponents> exponents;
  // Codes, scales and zero points that are tensors of their own; file and offset are then those of the codes.
  std::shared_ptr<const QuantizedParts> parts;

  const InputFile* file = nullptr;
  int64_t offset = 0;  // in the file
  int64_t bytes = 0;

  // As a matrix: the last size is the columns, the product of the others the rows. A vector is one row.
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const;
  int64_t num_elements() const { return rows() * cols(); }
  bool is_usable() const {
    return plain.has_value() || (ggml != nullptr && ggml->to_float != nullptr) || exponents || parts != nullptr;
  }
  std::string shape_text() const;  // "[128, 2048]"

  // Reads rows [first, first + out.rows) into `out`, on any thread: unchanged if `out` has the stored type, else as
  // float32, or as bfloat16 rounded to nearest even. Needs is_usable(). It is an error if the file cannot be read any
  // more.
  Status read_rows(int64_t first, const Rows& out) const;

  // The format of a matrix that is stored as codes and scales; absent for other types.
  std::optional<QuantizedFormat> quantized_format() const;
  std::span<const int32_t> input_order() const {  // QuantizedRows::input_order
    return parts == nullptr ? std::span<const int32_t>() : parts->input_order;
  }
  // Rows [first, first + count) as they are stored, on any thread. Needs quantized_format(). It is an error, which
  // names the tensor, if a scale is not finite.
  Result<QuantizedRows> read_quantized(int64_t first, int64_t count) const;
  // The errors that reading all rows of a quantized tensor would find: in scales, zero points and codes of E4M3. Scales
  // in blocks of GGUF files lie between the codes, so that all of the tensor is read.
  Status check_codes_and_scales() const;

  // A row is spread over the file, so that many rows should be read together.
  bool is_turned() const { return element_step > 0 || (parts != nullptr && parts->is_turned()); }

 private:
  int64_t row_bytes() const { return cols() / block_elements * block_bytes; }
  int64_t stored_row(int64_t row) const;
  // Rows and elements are adjacent and in order.
  bool is_contiguous() const { return interleaved_heads == 0 && row_step == 0 && element_step == 0; }

  // The bytes of a row in the file.
  struct StoredRow {
    const std::byte* elements;
    const std::byte* exponents;  // null if they are no separate tensor
  };
  void to_floats(const StoredRow& row, float* out) const;
  // Writes one row into row `index` of `out`.
  void convert_row(const StoredRow& row, const Rows& out, int64_t index, std::vector<float>& scratch) const;
  Status read_scattered_elements(int64_t first, const Rows& out) const;
  Status read_dequantized(int64_t first, const Rows& out) const;
  Status read_stored_codes(int64_t source, QuantizedRows& out) const;
  Error infinite_scale(float scale, int64_t row) const;
  Status check_exponents() const;
  Status check_blocks() const;
};

using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;

}  // namespace braid
