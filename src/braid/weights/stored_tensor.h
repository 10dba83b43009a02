// One tensor of a checkpoint as it lies in its file, and its rows as float32 or bfloat16 whatever it is stored as.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/input_file.h"
#include "braid/tensor/rows.h"

namespace braid {

struct StoredTensor {
  std::string stored_name;  // in the file; the checkpoint's name for it is Hugging Face's
  std::vector<int64_t> shape;
  std::string type_name;       // "BF16", "Q8_0", …
  std::optional<DType> plain;  // elements of a DType, one after another
  // Otherwise blocks (formats/ggml_type.h); null with no `plain`: braid cannot use this type.
  void (*to_float)(const std::byte* blocks, int64_t num_blocks, float* out) = nullptr;
  int32_t block_elements = 1;
  int32_t block_bytes = 1;
  // Above 0: the rows of each of so many heads are interleaved as llama.cpp's "llama" architecture stores Q and K;
  // reading undoes it.
  int32_t interleaved_heads = 0;
  // From one row to the next and, of `plain`, from one of a row's elements to the next, in bytes; 0: nothing lies
  // between them. (One of several matrices in a tensor, whose rows may be its columns: stacked_experts.h.)
  int64_t row_step = 0;
  int64_t element_step = 0;
  // Where MXFP4's exponents lie when they are a tensor of their own (formats/mxfp4.h).
  struct Exponents {
    const InputFile* file = nullptr;
    int64_t offset = 0;    // in the file, of the first row's
    int64_t row_step = 0;  // to the next row's
  };
  std::optional<Exponents> exponents;

  const InputFile* file = nullptr;
  int64_t offset = 0;  // in the file
  int64_t bytes = 0;

  // As a matrix: the last size is the columns, the others' product the rows. A vector is one row.
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const;
  int64_t num_elements() const { return rows() * cols(); }
  bool is_usable() const { return plain.has_value() || to_float != nullptr || exponents; }
  std::string shape_text() const;  // "[128, 2048]"

  // Rows [first, first + out.rows) into `out`, on any thread: as they are stored where it is of their type, else as
  // float32, or as bfloat16 rounded to nearest even. Needs is_usable(). An error if the file cannot be read any more.
  Status read_rows(int64_t first, const Rows& out) const;

 private:
  int64_t row_bytes() const { return cols() / block_elements * block_bytes; }
  int64_t stored_row(int64_t row) const;
  // One behind the other, in order.
  bool is_contiguous() const { return interleaved_heads == 0 && row_step == 0 && element_step == 0; }

  // A row as it lies in the file, read.
  struct StoredRow {
    const std::byte* elements;
    const std::byte* exponents;  // null where they are no tensor of their own
  };
  void to_floats(const StoredRow& row, float* out) const;
  // One row into row `index` of `out`.
  void convert_row(const StoredRow& row, const Rows& out, int64_t index, std::vector<float>& scratch) const;
  Status read_scattered_elements(int64_t first, const Rows& out) const;
};

}  // namespace braid
