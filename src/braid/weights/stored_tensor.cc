#include "braid/weights/stored_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "braid/base/check.h"
#include "braid/formats/load.h"
#include "braid/formats/mxfp4.h"
#include "braid/tensor/float8.h"

namespace braid {
namespace {

// A piece stays in the core's own cache until it is converted.
constexpr int64_t kPieceBytes = int64_t{64} << 10;

std::unique_ptr<std::byte[]> make_piece(int64_t bytes) {
  return std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(bytes));
}

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

float as_float(float value) {
  return value;
}
float as_float(BFloat16 value) {
  return to_float(value);
}
float as_float(Float16 value) {
  return to_float(value);
}

void put(float value, float& out) {
  out = value;
}
void put(float value, BFloat16& out) {
  out = to_bfloat16(value);
}

// Columns of `out`: out[row][col] is read at `from` + row * row_step + (col - cols.begin) * element_step. The loop runs
// along the columns, which are the file's rows if both steps are set.
struct ColumnRange {
  int64_t begin;
  int64_t end;
};
template <typename Stored, typename Out>
void gather(const std::byte* from, int64_t row_step, int64_t element_step, ColumnRange cols, const Rows& out) {
  for (int64_t col = cols.begin; col < cols.end; ++col, from += element_step) {
    for (int64_t row = 0; row < out.rows; ++row) {
      put(as_float(load<Stored>(from + row * row_step)), out.row<Out>(row)[col]);
    }
  }
}

template <typename Out>
void gather_as(DType stored, const std::byte* from, int64_t row_step, int64_t element_step, ColumnRange cols,
               const Rows& out) {
  switch (stored) {
    case DType::kFloat32:
      return gather<float, Out>(from, row_step, element_step, cols, out);
    case DType::kBFloat16:
      return gather<BFloat16, Out>(from, row_step, element_step, cols, out);
    case DType::kFloat16:
      return gather<Float16, Out>(from, row_step, element_step, cols, out);
  }
}

// Bytes of a file at equal distances.
struct Lines {
  const InputFile* file;
  int64_t offset;
  int64_t step;
  int64_t bytes;  // of one, at most `step`
};

// Calls check(line, its bytes) until it returns an error. Many lines are read at once.
template <typename Check>
Status for_each_line(const Lines& lines, int64_t count, Check check) {
  constexpr int64_t kReadBytes = int64_t{1} << 20;
  const int64_t most = std::min(std::max<int64_t>(kReadBytes / lines.step, 1), count);
  const auto bytes_of = [&](int64_t read_lines) { return (read_lines - 1) * lines.step + lines.bytes; };
  const auto stored = make_piece(bytes_of(most));
  for (int64_t first = 0; first < count; first += most) {
    const int64_t read_lines = std::min(most, count - first);
    TRY_STATUS(
        lines.file->read(lines.offset + first * lines.step, {stored.get(), static_cast<size_t>(bytes_of(read_lines))}));
    for (int64_t i = 0; i < read_lines; ++i) TRY_STATUS(check(first + i, stored.get() + i * lines.step));
  }
  return {};
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

// llama.cpp stores a head's rows (two halves, rotated against each other) as pairs: row j * d/2 + i of head h, j in {0,
// 1}, is stored as row 2 i + j.
int64_t StoredTensor::stored_row(int64_t row) const {
  if (interleaved_heads == 0) return row;
  const int64_t head_rows = (shape.size() == 1 ? cols() : rows()) / interleaved_heads;
  const int64_t half = head_rows / 2;
  const int64_t within = row % head_rows;
  return row - within + within % half * 2 + within / half;
}

void StoredTensor::to_floats(const StoredRow& row, float* out) const {
  if (plain) {
    plain_to_float(row.elements, *plain, cols(), out);
  } else if (row.exponents != nullptr) {
    mxfp4_to_float(row.elements, row.exponents, cols() / block_elements, out);
  } else {
    ggml->to_float(row.elements, cols() / block_elements, out);
  }
}

void StoredTensor::convert_row(const StoredRow& row, const Rows& out, int64_t index,
                               std::vector<float>& scratch) const {
  const bool is_permuted = interleaved_heads > 0 && shape.size() == 1;
  if (plain == out.dtype && !is_permuted) {
    std::memcpy(out.row_bytes(index), row.elements, static_cast<size_t>(row_bytes()));
    return;
  }
  if (out.dtype == DType::kFloat32 && !is_permuted) return to_floats(row, out.row<float>(index));
  scratch.resize(static_cast<size_t>(cols()));
  to_floats(row, scratch.data());
  if (is_permuted) {
    const std::vector<float> as_stored = scratch;
    for (int64_t i = 0; i < cols(); ++i) {
      scratch[static_cast<size_t>(i)] = as_stored[static_cast<size_t>(stored_row(i))];
    }
  }
  if (out.dtype == DType::kFloat32) {
    std::memcpy(out.row_bytes(index), scratch.data(), scratch.size() * sizeof(float));
    return;
  }
  CHECK(out.dtype == DType::kBFloat16);
  auto* const target = out.row<BFloat16>(index);
  for (size_t i = 0; i < scratch.size(); ++i) target[i] = to_bfloat16(scratch[i]);
}

// A column of `out` is contiguous in the file, or nearly so. If the gaps between columns are small, one read covers
// several columns; else each column has its own read.
Status StoredTensor::read_scattered_elements(int64_t first, const Rows& out) const {
  CHECK(out.dtype == DType::kFloat32 || out.dtype == DType::kBFloat16);
  const int64_t column_bytes = (out.rows - 1) * row_step + block_bytes;
  const int64_t most_cols = element_step <= 2 * column_bytes ? std::max<int64_t>(kPieceBytes / element_step, 1) : 1;
  const auto bytes_of = [&](int64_t count) { return (count - 1) * element_step + column_bytes; };
  const auto stored = make_piece(bytes_of(std::min(most_cols, out.cols)));
  for (int64_t col = 0; col < out.cols; col += most_cols) {
    const ColumnRange columns{.begin = col, .end = std::min(col + most_cols, out.cols)};
    TRY_STATUS(file->read(offset + first * row_step + col * element_step,
                          {stored.get(), static_cast<size_t>(bytes_of(columns.end - columns.begin))}));
    if (out.dtype == DType::kFloat32) {
      gather_as<float>(*plain, stored.get(), row_step, element_step, columns, out);
    } else {
      gather_as<BFloat16>(*plain, stored.get(), row_step, element_step, columns, out);
    }
  }
  return {};
}

Status StoredTensor::read_rows(int64_t first, const Rows& out) const {
  CHECK(is_usable() && first >= 0 && first + out.rows <= rows() && out.cols == cols(), "rows {}+{} of {}", first,
        out.rows, stored_name);
  if (out.rows == 0 || out.cols == 0) return {};
  if (parts != nullptr) return read_dequantized(first, out);
  if (element_step > 0) return read_scattered_elements(first, out);
  if (plain == out.dtype && is_contiguous() && out.stride == out.cols) {
    return file->read(offset + first * row_bytes(), {out.data, static_cast<size_t>(out.rows * row_bytes())});
  }
  const int64_t step = row_step > 0 ? row_step : row_bytes();
  const int64_t exponents_step = exponents ? exponents->row_step : 0;
  const int64_t exponents_of_row = cols() / block_elements;
  const int64_t rows_of_piece = std::max<int64_t>(std::min(kPieceBytes / step, out.rows), 1);
  const int64_t most_rows = interleaved_heads == 0 ? rows_of_piece : 1;
  const auto stored = make_piece((most_rows - 1) * step + row_bytes());
  const auto stored_exponents = make_piece(exponents ? (most_rows - 1) * exponents_step + exponents_of_row : 0);
  std::vector<float> scratch;
  for (int64_t begin = 0; begin < out.rows; begin += most_rows) {
    const int64_t count = std::min(most_rows, out.rows - begin);
    const int64_t source = shape.size() == 1 ? 0 : stored_row(first + begin);
    TRY_STATUS(
        file->read(offset + source * step, {stored.get(), static_cast<size_t>((count - 1) * step + row_bytes())}));
    if (exponents) {
      TRY_STATUS(exponents->file->read(
          exponents->offset + source * exponents_step,
          {stored_exponents.get(), static_cast<size_t>((count - 1) * exponents_step + exponents_of_row)}));
    }
    for (int64_t i = 0; i < count; ++i) {
      const StoredRow row{.elements = stored.get() + i * step,
                          .exponents = exponents ? stored_exponents.get() + i * exponents_step : nullptr};
      convert_row(row, out, begin + i, scratch);
    }
  }
  return {};
}

// In pieces of some megabytes, because rows may be spread over the file.
Status StoredTensor::read_dequantized(int64_t first, const Rows& out) const {
  CHECK(out.dtype == DType::kFloat32 || out.dtype == DType::kBFloat16);
  constexpr int64_t kPieceElements = int64_t{4} << 20;
  const int64_t most_rows = std::max<int64_t>(kPieceElements / out.cols, 1);
  std::vector<float> values(static_cast<size_t>(out.cols));
  std::vector<float> ordered(values.size());
  for (int64_t begin = 0; begin < out.rows; begin += most_rows) {
    TRY(const QuantizedRows rows, parts->read(first + begin, std::min(most_rows, out.rows - begin)));
    for (int64_t i = 0; i < rows.rows; ++i) {
      dequantize_row(rows, i, values.data());
      for (size_t col = 0; col < rows.input_order.size(); ++col) {
        ordered[static_cast<size_t>(rows.input_order[col])] = values[col];
      }
      const std::vector<float>& source = rows.input_order.empty() ? values : ordered;
      if (out.dtype == DType::kFloat32) {
        std::ranges::copy(source, out.row<float>(begin + i));
      } else {
        std::ranges::transform(source, out.row<BFloat16>(begin + i), [](float value) { return to_bfloat16(value); });
      }
    }
  }
  return {};
}

std::optional<QuantizedFormat> StoredTensor::quantized_format() const {
  if (shape.size() != 2) return std::nullopt;
  if (parts != nullptr) return parts->format;
  if (exponents) return kMxfp4Format;
  if (ggml != nullptr && ggml->format != nullptr) return *ggml->format;
  return std::nullopt;
}

// Rows that lie one after another in the file, from stored row `source` on.
Status StoredTensor::read_stored_codes(int64_t source, QuantizedRows& out) const {
  const int64_t step = row_step > 0 ? row_step : row_bytes();
  const auto read = [&](const InputFile& from, int64_t first, int64_t row_distance, int64_t bytes_of_row) {
    std::vector<std::byte> read_bytes(static_cast<size_t>((out.rows - 1) * row_distance + bytes_of_row));
    const Status done = from.read(first + source * row_distance, read_bytes);
    return done.ok() ? Result<std::vector<std::byte>>(std::move(read_bytes)) : done.error();
  };
  TRY(const std::vector<std::byte> elements, read(*file, offset, step, row_bytes()));
  if (!exponents) {
    read_ggml_codes(*ggml, elements.data(), step, out);
    return {};
  }
  const int64_t blocks = cols() / block_elements;
  TRY(const std::vector<std::byte> powers, read(*exponents->file, exponents->offset, exponents->row_step, blocks));
  for (int64_t row = 0; row < out.rows; ++row) {
    mxfp4_to_codes(elements.data() + row * step, powers.data() + row * exponents->row_step, blocks,
                   out.codes.data() + row * cols(), out.scales.data() + row * blocks);
  }
  return {};
}

Result<QuantizedRows> StoredTensor::read_quantized(int64_t first, int64_t count) const {
  const auto format = quantized_format();
  CHECK(format && first >= 0 && count >= 0 && first + count <= rows(), "rows {}+{} of {}", first, count, stored_name);
  if (parts != nullptr) return parts->read(first, count);
  QuantizedRows out(*format, count, cols());
  if (count == 0 || cols() == 0) return out;
  if (interleaved_heads == 0) {
    TRY_STATUS(read_stored_codes(first, out));
  } else {
    QuantizedRows one(*format, 1, cols());
    for (int64_t row = 0; row < count; ++row) {
      TRY_STATUS(read_stored_codes(stored_row(first + row), one));
      put_rows(one, row, out);
    }
  }
  for (const std::vector<float>* const values : {&out.scales, &out.minimums}) {
    for (size_t i = 0; i < values->size(); ++i) {
      if (std::isfinite((*values)[i])) continue;
      return infinite_scale((*values)[i], first + static_cast<int64_t>(i) / out.super_groups());
    }
  }
  return out;
}

Error StoredTensor::infinite_scale(float scale, int64_t row) const {
  return fail("{}: tensor \"{}\" has a scale that is not finite ({} in row {})",
              exponents ? exponents->file->name() : file->name(), exponents ? exponents->stored_name : stored_name,
              scale, row);
}

Status StoredTensor::check_exponents() const {
  const int64_t blocks = cols() / block_elements;
  const Lines lines{.file = exponents->file, .offset = exponents->offset, .step = exponents->row_step, .bytes = blocks};
  return for_each_line(lines, rows(), [&](int64_t row, const std::byte* powers) -> Status {
    for (int64_t block = 0; block < blocks; ++block) {
      const float scale = e8m0_to_float(static_cast<uint8_t>(powers[block]));
      if (!std::isfinite(scale)) return infinite_scale(scale, row);
    }
    return {};
  });
}

Status StoredTensor::check_blocks() const {
  const int64_t blocks = cols() / block_elements;
  const int64_t step = row_step > 0 ? row_step : row_bytes();
  const Lines lines{.file = file, .offset = offset, .step = step, .bytes = row_bytes()};
  return for_each_line(lines, rows(), [&](int64_t row, const std::byte* of_row) -> Status {
    const auto found = find_infinite_scale(*ggml, of_row, blocks);
    return found ? infinite_scale(*found, row) : Status();
  });
}

Status StoredTensor::check_codes_and_scales() const {
  if (parts != nullptr) return parts->check();
  if (num_elements() == 0) return {};
  if (exponents) return check_exponents();
  return ggml != nullptr && ggml->format != nullptr ? check_blocks() : Status();
}

}  // namespace braid
