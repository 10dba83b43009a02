// CpuOps' choice of experts, and the sum of their outputs. Tested by kernels/routing_test.cc.
#include <algorithm>
#include <vector>

#include "braid/kernels/cpu/cpu_ops.h"
#include "braid/kernels/cpu/split_rows.h"

namespace braid::cpu {
namespace {

// The largest logit that is not taken yet; ties go to the lowest expert.
int32_t best_expert(const float* logits, const std::vector<bool>& is_taken) {
  int32_t best = -1;
  for (size_t i = 0; i < is_taken.size(); ++i) {
    if (!is_taken[i] && (best < 0 || logits[i] > logits[best])) best = static_cast<int32_t>(i);
  }
  return best;
}

}  // namespace

void CpuOps::route(ConstRows logits, int32_t top_k, bool normalize, const Routing& routing) {
  CHECK(logits.dtype == DType::kFloat32 && top_k >= 1 && top_k <= logits.cols);
  split_rows(team_, logits.rows, logits.cols * (top_k + 1), [&](int64_t begin, int64_t end) {
    std::vector<float> powers(static_cast<size_t>(logits.cols));
    std::vector<bool> is_taken;
    for (int64_t token = begin; token < end; ++token) {
      const float* row = logits.row<float>(token);
      int32_t* experts = routing.experts.data() + token * top_k;
      float* weights = routing.weights.data() + token * top_k;
      const float all = rows_.exp_below(row, rows_.max(row, logits.cols), logits.cols, powers.data());

      is_taken.assign(static_cast<size_t>(logits.cols), false);
      float chosen = 0;
      for (int32_t j = 0; j < top_k; ++j) {
        experts[j] = best_expert(row, is_taken);
        is_taken[static_cast<size_t>(experts[j])] = true;
        weights[j] = powers[static_cast<size_t>(experts[j])];
        chosen += weights[j];
      }
      for (int32_t j = 0; j < top_k; ++j) weights[j] /= normalize ? chosen : all;
    }
  });
}

void CpuOps::combine(ConstRows x, std::span<const int32_t> rows, std::span<const float> weights, int32_t top_k,
                     Rows y) {
  CHECK(static_cast<int64_t>(rows.size()) == y.rows * top_k && rows.size() == weights.size() && x.cols == y.cols);
  CHECK(x.dtype == DType::kFloat32 && y.dtype == DType::kFloat32);
  split_rows(team_, y.rows, y.cols * top_k, [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      float* sum = y.row<float>(token);
      bool is_empty = true;
      for (int64_t i = token * top_k; i < (token + 1) * top_k; ++i) {
        const int32_t source = rows[static_cast<size_t>(i)];
        if (source < 0) continue;
        const auto accumulate = is_empty ? rows_.scale : rows_.add_scaled;
        accumulate(x.row<float>(source), weights[static_cast<size_t>(i)], x.cols, sum);
        is_empty = false;
      }
      if (is_empty) std::fill_n(sum, y.cols, 0.0F);
    }
  });
}

}  // namespace braid::cpu
