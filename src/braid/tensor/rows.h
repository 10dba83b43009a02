// Views of row-major matrices whose element type is known at run time: the operands of a step's operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "braid/base/check.h"
#include "braid/tensor/dtype.h"

namespace braid {

template <typename T>
constexpr DType dtype_of() {
  using Element = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Element, float>) return DType::kFloat32;
  if constexpr (std::is_same_v<Element, BFloat16>) return DType::kBFloat16;
  if constexpr (std::is_same_v<Element, Float16>) return DType::kFloat16;
}

// [rows, cols]: elements of a row are consecutive, rows are `stride` elements apart. Does not own its memory.
template <typename Byte>
struct BasicRows {
  Byte* data = nullptr;
  DType dtype = DType::kFloat32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  template <typename T>
  using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;

  template <typename T>
  Element<T>* row(int64_t index) const {
    DCHECK(dtype == dtype_of<T>() && index >= 0 && index < rows);
    return reinterpret_cast<Element<T>*>(data) + index * stride;
  }

  Byte* row_bytes(int64_t index) const { return data + index * stride * dtype_bytes(dtype); }

  BasicRows slice_rows(int64_t first, int64_t count) const {
    CHECK(first >= 0 && count >= 0 && first + count <= rows, "rows {}+{} of {}", first, count, rows);
    return {.data = row_bytes(first), .dtype = dtype, .rows = count, .cols = cols, .stride = stride};
  }

  BasicRows slice_cols(int64_t first, int64_t count) const {
    CHECK(first >= 0 && count >= 0 && first + count <= cols, "columns {}+{} of {}", first, count, cols);
    return {.data = data + first * dtype_bytes(dtype), .dtype = dtype, .rows = rows, .cols = count, .stride = stride};
  }

  operator BasicRows<const Byte>() const  // NOLINT: implicit on purpose
      requires(!std::is_const_v<Byte>) {
    return {.data = data, .dtype = dtype, .rows = rows, .cols = cols, .stride = stride};
  }
};

using Rows = BasicRows<std::byte>;
using ConstRows = BasicRows<const std::byte>;

template <typename T>
auto make_rows(T* data, int64_t rows, int64_t cols) {
  using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
  return BasicRows<Byte>{
      .data = reinterpret_cast<Byte*>(data), .dtype = dtype_of<T>(), .rows = rows, .cols = cols, .stride = cols};
}

}  // namespace braid
