// RefOps' elementwise operations. Tested by kernels/elementwise_test.cc.
#include <cmath>
#include <numbers>

#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {

void RefOps::embed(std::span<const TokenId> ids, ConstRows table, Rows y) {
  CHECK(static_cast<int64_t>(ids.size()) == y.rows && table.cols == y.cols);
  for (int64_t row = 0; row < y.rows; ++row) {
    const TokenId id = ids[static_cast<size_t>(row)];
    CHECK(id >= 0 && id < table.rows, "token {} of a vocabulary of {}", id, table.rows);
    for (int64_t i = 0; i < y.cols; ++i) store(y, row, i, load(table, id, i));
  }
}

void RefOps::add(ConstRows x, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t i = 0; i < x.cols; ++i) y.row<float>(row)[i] += x.row<float>(row)[i];
  }
}

void RefOps::soft_cap(Rows x, float cap) {
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t col = 0; col < x.cols; ++col) store(x, row, col, cap * std::tanh(load(x, row, col) / cap));
  }
}

void RefOps::gelu(ConstRows x, GeluKind kind, Rows y) {
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t i = 0; i < x.cols; ++i) {
      const double v = load(x, row, i);
      const double cumulative =
          kind == GeluKind::kTanh ? 0.5 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)))
                                  : 0.5 * std::erfc(-v / std::numbers::sqrt2);
      store(y, row, i, v * cumulative);
    }
  }
}

void RefOps::convert(ConstRows x, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t i = 0; i < x.cols; ++i) store(y, row, i, load(x, row, i));
  }
}

}  // namespace braid::ref
