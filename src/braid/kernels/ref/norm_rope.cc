// RefOps' norms and rotary positions. Tested by kernels/ref_ops_test.cc and kernels/norm_rope_test.cc.
#include <cmath>

#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {
namespace {

void normalize(ConstRows x, int64_t row, std::span<const float> weight, float eps, Rows y) {
  double squares = 0;
  for (int64_t i = 0; i < x.cols; ++i) squares += static_cast<double>(load(x, row, i)) * load(x, row, i);
  const double root = std::sqrt(squares / static_cast<double>(x.cols) + static_cast<double>(eps));
  for (int64_t i = 0; i < x.cols; ++i) store(y, row, i, load(x, row, i) / root * weight[static_cast<size_t>(i)]);
}

}  // namespace

void RefOps::rms_norm(ConstRows x, std::span<const float> weight, float eps, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols && static_cast<int64_t>(weight.size()) == x.cols);
  for (int64_t row = 0; row < x.rows; ++row) normalize(x, row, weight, eps, y);
}

void RefOps::layer_norm(ConstRows x, std::span<const float> weight, std::span<const float> bias, float eps, Rows y) {
  for (int64_t row = 0; row < x.rows; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < x.cols; ++i) sum += load(x, row, i);
    const double mean = sum / static_cast<double>(x.cols);
    double squares = 0;
    for (int64_t i = 0; i < x.cols; ++i) squares += (load(x, row, i) - mean) * (load(x, row, i) - mean);
    const double root = std::sqrt(squares / static_cast<double>(x.cols) + static_cast<double>(eps));
    for (int64_t i = 0; i < x.cols; ++i) {
      const auto at = static_cast<size_t>(i);
      store(y, row, i, (load(x, row, i) - mean) / root * weight[at] + bias[at]);
    }
  }
}

void RefOps::head_rms_norm(Rows x, int32_t head_dim, std::span<const float> weight, float eps) {
  CHECK(x.cols % head_dim == 0 && static_cast<int64_t>(weight.size()) == head_dim);
  for (int64_t first = 0; first < x.cols; first += head_dim) {
    const Rows head = x.slice_cols(first, head_dim);
    for (int64_t row = 0; row < x.rows; ++row) normalize(head, row, weight, eps, head);
  }
}

void RefOps::rope(Rows x, int32_t head_dim, std::span<const int32_t> positions, ConstRows cos, ConstRows sin) {
  CHECK(x.cols % head_dim == 0 && static_cast<int64_t>(positions.size()) == x.rows);
  const int64_t half = head_dim / 2;
  for (int64_t row = 0; row < x.rows; ++row) {
    const int32_t position = positions[static_cast<size_t>(row)];
    for (int64_t first = 0; first < x.cols; first += head_dim) {
      for (int64_t i = first; i < first + half; ++i) {
        const double c = load(cos, position, i - first);
        const double s = load(sin, position, i - first);
        const double a = load(x, row, i);
        const double b = load(x, row, i + half);
        store(x, row, i, a * c - b * s);
        store(x, row, i + half, b * c + a * s);
      }
    }
  }
}

}  // namespace braid::ref
