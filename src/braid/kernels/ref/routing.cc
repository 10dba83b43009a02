// RefOps' choice of experts, and the sum of their outputs. Tested by kernels/ref_ops_test.cc and
// kernels/routing_test.cc.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {

void RefOps::route(ConstRows logits, int32_t top_k, bool normalize, const Routing& routing) {
  CHECK(top_k >= 1 && top_k <= logits.cols);
  std::vector<int32_t> order(static_cast<size_t>(logits.cols));
  for (int64_t token = 0; token < logits.rows; ++token) {
    const float* row = logits.row<float>(token);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });

    const double max = row[order[0]];
    double all = 0;
    for (int64_t i = 0; i < logits.cols; ++i) all += std::exp(row[i] - max);
    double chosen = 0;
    for (int32_t j = 0; j < top_k; ++j) chosen += std::exp(row[order[static_cast<size_t>(j)]] - max);

    for (int32_t j = 0; j < top_k; ++j) {
      const int32_t expert = order[static_cast<size_t>(j)];
      const auto at = static_cast<size_t>(token * top_k + j);
      routing.experts[at] = expert;
      routing.weights[at] = static_cast<float>(std::exp(row[expert] - max) / (normalize ? chosen : all));
    }
  }
}

void RefOps::combine(ConstRows x, std::span<const int32_t> rows, std::span<const float> weights, int32_t top_k,
                     Rows y) {
  CHECK(static_cast<int64_t>(rows.size()) == y.rows * top_k && rows.size() == weights.size() && x.cols == y.cols);
  for (int64_t token = 0; token < y.rows; ++token) {
    for (int64_t i = 0; i < y.cols; ++i) {
      double sum = 0;
      for (int32_t j = 0; j < top_k; ++j) {
        const auto at = static_cast<size_t>(token * top_k + j);
        if (rows[at] >= 0) sum += static_cast<double>(weights[at]) * load(x, rows[at], i);
      }
      store(y, token, i, sum);
    }
  }
}

}  // namespace braid::ref
