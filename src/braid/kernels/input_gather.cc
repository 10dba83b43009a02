#include "braid/kernels/input_gather.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {
namespace {

template <typename T>
void gather_row(const T* from, std::span<const int32_t> order, T* to) {
  for (size_t i = 0; i < order.size(); ++i) to[i] = from[order[i]];
}

void gather_row(const float* from, std::span<const int32_t> order, BFloat16* to) {
  for (size_t i = 0; i < order.size(); ++i) to[i] = to_bfloat16(from[order[i]]);
}

}  // namespace

ConstRows InputGather::operator()(Ops& ops, ConstRows x, const PackedMatrix& w) {
  const std::span<const int32_t> order = w.input_order();
  const DType dtype = w.rounds_rows() || x.dtype != DType::kFloat32 ? x.dtype : w.dtype();
  if (order.empty() && dtype == x.dtype) return x;
  CHECK(x.cols == w.k(), "x has {} columns, the matrix {}", x.cols, w.k());
  CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16, "rows of {}", dtype_name(x.dtype));
  const int64_t bytes = x.rows * x.cols * dtype_bytes(dtype);
  if (buffer_.bytes() < bytes) buffer_ = Buffer(bytes);
  const Rows gathered{.data = buffer_.data(), .dtype = dtype, .rows = x.rows, .cols = x.cols, .stride = x.cols};
  if (order.empty()) {
    ops.convert(x, gathered);
    return gathered;
  }
  ops.parallel_for(x.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (dtype == DType::kFloat32) {
        gather_row(x.row<float>(row), order, gathered.row<float>(row));
      } else if (x.dtype == DType::kFloat32) {
        gather_row(x.row<float>(row), order, gathered.row<BFloat16>(row));
      } else {
        gather_row(x.row<BFloat16>(row), order, gathered.row<BFloat16>(row));
      }
    }
  });
  return gathered;
}

}  // namespace braid
