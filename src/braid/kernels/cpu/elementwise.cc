// CpuOps' elementwise operations. Tested by kernels/elementwise_test.cc.
#include <algorithm>
#include <cstring>

#include "braid/kernels/cpu/cpu_ops.h"
#include "braid/kernels/cpu/matmul_shares.h"
#include "braid/kernels/cpu/split_rows.h"

namespace braid::cpu {
namespace {

// Converts one row from any dtype to float32 or bfloat16. Copies keep every bit, and no conversion flushes a denormal.
void convert_row(const RowKernels& rows, ConstRows x, int64_t from, Rows y, int64_t to) {
  if (x.dtype == y.dtype) {
    std::memcpy(y.row_bytes(to), x.row_bytes(from), static_cast<size_t>(x.cols * dtype_bytes(x.dtype)));
  } else if (x.dtype == DType::kFloat32 && y.dtype == DType::kBFloat16) {
    rows.to_bfloat16(x.row<float>(from), x.cols, y.row<BFloat16>(to));
  } else if (x.dtype == DType::kBFloat16 && y.dtype == DType::kFloat32) {
    rows.from_bfloat16(x.row<BFloat16>(from), x.cols, y.row<float>(to));
  } else {
    CHECK(x.dtype == DType::kFloat16 && y.dtype == DType::kFloat32, "no conversion from {} to {}", dtype_name(x.dtype),
          dtype_name(y.dtype));
    const Float16* source = x.row<Float16>(from);
    std::transform(source, source + x.cols, y.row<float>(to), [](Float16 value) { return to_float(value); });
  }
}

}  // namespace

void CpuOps::embed(std::span<const TokenId> ids, ConstRows table, Rows y) {
  CHECK(static_cast<int64_t>(ids.size()) == y.rows && table.cols == y.cols && y.dtype == DType::kFloat32);
  split_rows(team_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const TokenId id = ids[static_cast<size_t>(row)];
      CHECK(id >= 0 && id < table.rows, "token {} of a vocabulary of {}", id, table.rows);
      convert_row(rows_, table, id, y, row);
    }
  });
}

void CpuOps::add(ConstRows x, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols && x.dtype == DType::kFloat32 && y.dtype == DType::kFloat32);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) rows_.add(x.row<float>(row), x.cols, y.row<float>(row));
  });
}

void CpuOps::soft_cap(Rows x, float cap) {
  CHECK(x.dtype == DType::kFloat32 && cap > 0, "a cap of {}", cap);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) rows_.soft_cap(x.row<float>(row), cap, x.cols);
  });
}

void CpuOps::gelu(ConstRows x, GeluKind kind, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols && x.dtype == DType::kFloat32 && y.dtype != DType::kFloat16);
  const bool is_tanh = kind == GeluKind::kTanh;
  const auto to_float32 = is_tanh ? rows_.gelu_tanh : rows_.gelu_erf;
  const auto to_bfloat16 = is_tanh ? rows_.gelu_tanh_to_bfloat16 : rows_.gelu_erf_to_bfloat16;
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (y.dtype == DType::kFloat32) {
        to_float32(x.row<float>(row), x.cols, y.row<float>(row));
      } else {
        to_bfloat16(x.row<float>(row), x.cols, y.row<BFloat16>(row));
      }
    }
  });
}

void CpuOps::gated(Epilogue::Kind kind, ConstRows gate, ConstRows up, Rows y) {
  CHECK(Epilogue{.kind = kind}.is_gated() && gate.dtype == DType::kFloat32 && up.dtype == DType::kFloat32 &&
        y.dtype != DType::kFloat16);
  CHECK(gate.rows == y.rows && up.rows == y.rows && gate.cols == y.cols && up.cols == y.cols,
        "[{}, {}] out of gates [{}, {}] and ups [{}, {}]", y.rows, y.cols, gate.rows, gate.cols, up.rows, up.cols);
  const OutputKind output = output_kind(kind, y.dtype);
  split_rows(team_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      rows_.gated(output, gate.row<float>(row), up.row<float>(row), y.cols, y.row_bytes(row));
    }
  });
}

void CpuOps::convert(ConstRows x, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) convert_row(rows_, x, row, y, row);
  });
}

}  // namespace braid::cpu
