// RefOps' matrix products. Tested by kernels/ref_ops_test.cc and kernels/matmul_max_test.cc.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "braid/kernels/ref/quantized_dot.h"
#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {
namespace {

double sigmoid(double value) {
  return 1.0 / (1.0 + std::exp(-value));
}

double gated_value(Epilogue::Kind kind, double gate, double up) {
  if (kind == Epilogue::Kind::kSiluMul) return gate * sigmoid(gate) * up;
  if (kind == Epilogue::Kind::kGeluMul) {
    return 0.5 * gate * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (gate + 0.044715 * gate * gate * gate))) *
           up;
  }
  gate = std::min(gate, 7.0);
  return gate * sigmoid(1.702 * gate) * (std::clamp(up, -7.0, 7.0) + 1.0);
}

double dot(ConstRows x, int64_t row, const PackedMatrix& w, int64_t column) {
  if (w.is_quantized() && w.activations() != ActivationBits::kExact) return rounded_dot(x, row, w, column);
  double sum = 0;
  for (int64_t k = 0; k < w.k(); ++k) {
    sum += static_cast<double>(load(x, row, k)) * (w.is_quantized() ? widened_weight(w, column, k) : w.at(column, k));
  }
  return sum;
}

void multiply_row(ConstRows x, int64_t x_row, const PackedMatrix& w, Rows y, int64_t y_row, const Epilogue& epilogue) {
  const auto product = [&](int64_t column) {
    const double sum = dot(x, x_row, w, column);
    const bool has_bias = column < static_cast<int64_t>(epilogue.bias.size());
    return has_bias ? sum + epilogue.bias[static_cast<size_t>(column)] : sum;
  };
  for (int64_t i = 0; i < y.cols; ++i) {
    switch (epilogue.kind) {
      case Epilogue::Kind::kStore:
        store(y, y_row, i, product(i));
        break;
      case Epilogue::Kind::kAdd:
        store(y, y_row, i, load(y, y_row, i) + product(i));
        break;
      default: {
        const int64_t gate = i / 16 * 32 + i % 16;  // see PackedMatrix::pack_gate_up_rows
        store(y, y_row, i, gated_value(epilogue.kind, product(gate), product(gate + 16)));
      }
    }
  }
}

void check_shapes(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  CHECK(x.cols == w.k(), "x has {} columns, the matrix {}", x.cols, w.k());
  CHECK(y.cols * (epilogue.is_gated() ? 2 : 1) == w.n(), "y has {} columns, the matrix {}", y.cols, w.n());
  CHECK(epilogue.kind != Epilogue::Kind::kAdd || y.dtype == DType::kFloat32);
  CHECK(epilogue.bias.empty() || static_cast<int64_t>(epilogue.bias.size()) >= w.n());
}

}  // namespace

void RefOps::matmul(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  check_shapes(x, w, y, epilogue);
  CHECK(x.rows == y.rows);
  const ConstRows inputs = gather_(*this, x, w);
  for (int64_t i = 0; i < x.rows; ++i) multiply_row(inputs, i, w, y, i, epilogue);
}

void RefOps::gated(Epilogue::Kind kind, ConstRows gate, ConstRows up, Rows y) {
  for (int64_t row = 0; row < y.rows; ++row) {
    for (int64_t i = 0; i < y.cols; ++i) store(y, row, i, gated_value(kind, load(gate, row, i), load(up, row, i)));
  }
}

void RefOps::matmul_max(ConstRows x, const PackedMatrix& w, int64_t cols, std::span<RowMax> maxima) {
  CHECK(static_cast<int64_t>(maxima.size()) == x.rows && cols <= w.n());
  const ConstRows inputs = gather_(*this, x, w);
  for (int64_t row = 0; row < x.rows; ++row) {
    RowMax max;
    for (int64_t column = 0; column < cols; ++column) {
      const auto value = static_cast<float>(dot(inputs, row, w, column));
      max.has_nan = max.has_nan || std::isnan(value);
      if (!(value > max.value)) continue;
      max.value = value;
      max.index = static_cast<int32_t>(column);
    }
    maxima[static_cast<size_t>(row)] = max;
  }
}

void RefOps::grouped_matmul(ConstRows x, const ExpertRows& expert_rows, std::span<const PackedMatrix> w, Rows y,
                            const Epilogue& epilogue) {
  CHECK(expert_rows.offsets.size() == w.size() + 1);
  CHECK(epilogue.expert_biases.empty() || epilogue.expert_biases.size() == w.size());
  if (w.empty()) return;
  const ConstRows inputs = gather_(*this, x, w[0]);
  for (size_t expert = 0; expert < w.size(); ++expert) {
    Epilogue own = epilogue;
    if (!epilogue.expert_biases.empty()) own.bias = epilogue.expert_biases[expert];
    for (int32_t i = expert_rows.offsets[expert]; i < expert_rows.offsets[expert + 1]; ++i) {
      check_shapes(x, w[expert], y, own);
      const int32_t source = expert_rows.sources.empty() ? i : expert_rows.sources[static_cast<size_t>(i)];
      multiply_row(inputs, source, w[expert], y, i, own);
    }
  }
}

}  // namespace braid::ref
