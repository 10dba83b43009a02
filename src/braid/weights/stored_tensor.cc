#include "braid/weights/stored_tensor.h"

#include <cstring>

#include "braid/base/check.h"
#include "braid/formats/load.h"

namespace braid {
namespace {

void plain_to_float(const std::byte* from, DType dtype, int64_t count, float* out) {
  switch (dtype) {
    case DType::kFloat32:
      std::memcpy(out, from, static_cast<size_t>(count) * sizeof *out);
      return;
    case DType::kBFloat16:
      for (int64_t i = 0; i < count; ++i) out[i] = to_float(load<BFloat16>(from + i * 2));
      return;
    case DType::kFloat16:
      for (int64_t i = 0; i < count; ++i) out[i] = to_float(load<Float16>(from + i * 2));
      return;
  }
}

}  // namespace

int64_t StoredTensor::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

std::string StoredTensor::shape_text() const {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// llama.cpp turns a head's rows (two halves, rotated against each other) into pairs: row j * d/2 + i of head h, j in
// {0, 1}, is stored as row 2 i + j.
int64_t StoredTensor::stored_row(int64_t row) const {
  if (interleaved_heads == 0) return row;
  const int64_t head_rows = (shape.size() == 1 ? cols() : rows()) / interleaved_heads;
  const int64_t half = head_rows / 2;
  const int64_t within = row % head_rows;
  return row - within + within % half * 2 + within / half;
}

void StoredTensor::to_floats(const std::byte* row, std::vector<float>& values) const {
  if (plain) {
    plain_to_float(row, *plain, cols(), values.data());
  } else {
    to_float(row, cols() / block_elements, values.data());
  }
}

Status StoredTensor::read_rows(int64_t first, const Rows& out) const {
  CHECK(is_usable() && first >= 0 && first + out.rows <= rows() && out.cols == cols(), "rows {}+{} of {}", first,
        out.rows, stored_name);
  const auto bytes_of_row = static_cast<size_t>(row_bytes());
  const bool is_permuted_vector = interleaved_heads > 0 && shape.size() == 1;
  if (plain == out.dtype && interleaved_heads == 0 && out.stride == out.cols) {
    return file->read(offset + first * row_bytes(), {out.data, bytes_of_row * static_cast<size_t>(out.rows)});
  }
  const bool is_in_order = interleaved_heads == 0;
  std::vector<std::byte> stored(bytes_of_row * static_cast<size_t>(is_in_order ? out.rows : 1));
  if (is_in_order) TRY_STATUS(file->read(offset + first * row_bytes(), stored));
  std::vector<float> values(static_cast<size_t>(cols()));
  for (int64_t row = 0; row < out.rows; ++row) {
    if (!is_in_order) {
      const int64_t source = is_permuted_vector ? 0 : stored_row(first + row);
      TRY_STATUS(file->read(offset + source * row_bytes(), stored));
    }
    const std::byte* const bytes_here = stored.data() + (is_in_order ? static_cast<size_t>(row) * bytes_of_row : 0);
    if (plain == out.dtype && !is_permuted_vector) {
      std::memcpy(out.row_bytes(row), bytes_here, bytes_of_row);
      continue;
    }
    to_floats(bytes_here, values);
    if (is_permuted_vector) {
      const std::vector<float> in_order = values;
      for (int64_t i = 0; i < cols(); ++i) {
        values[static_cast<size_t>(i)] = in_order[static_cast<size_t>(stored_row(i))];
      }
    }
    if (out.dtype == DType::kFloat32) {
      std::memcpy(out.row_bytes(row), values.data(), values.size() * sizeof(float));
    } else {
      CHECK(out.dtype == DType::kBFloat16);
      auto* const target = out.row<BFloat16>(row);
      for (int64_t i = 0; i < cols(); ++i) target[i] = to_bfloat16(values[static_cast<size_t>(i)]);
    }
  }
  return {};
}

}  // namespace braid
