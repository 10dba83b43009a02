#include "braid/model/layers/sigmoid_router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// The indices of the `count` largest scores, largest first, ties to the lowest index.
std::vector<int32_t> largest(std::span<const float> scores, int32_t count) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    const float score_a = scores[static_cast<size_t>(a)];
    const float score_b = scores[static_cast<size_t>(b)];
    return score_a > score_b || (score_a == score_b && a < b);
  });
  order.resize(static_cast<size_t>(count));
  return order;
}

float sum_of_two_best(std::span<const float> scores) {
  float best = kNever;
  float second = kNever;
  for (const float score : scores) {
    if (score > best) {
      second = best;
      best = score;
    } else {
      second = std::max(second, score);
    }
  }
  return best + second;
}

// Excludes all experts outside the best expert groups.
void leave_best_expert_groups(const MoeConfig& config, std::vector<float>& choice) {
  if (config.expert_groups_per_token == config.num_expert_groups) return;
  const size_t group_size = choice.size() / static_cast<size_t>(config.num_expert_groups);
  std::vector<float> group_scores;
  for (size_t first = 0; first < choice.size(); first += group_size) {
    group_scores.push_back(sum_of_two_best(std::span(choice).subspan(first, group_size)));
  }
  std::vector<float> left(choice.size(), kNever);
  for (const int32_t expert_group : largest(group_scores, config.expert_groups_per_token)) {
    const auto first = static_cast<ptrdiff_t>(static_cast<size_t>(expert_group) * group_size);
    const auto end = first + static_cast<ptrdiff_t>(group_size);
    std::copy(choice.begin() + first, choice.begin() + end, left.begin() + first);
  }
  choice = std::move(left);
}

}  // namespace

void route_by_sigmoid(Ops& ops, const MoeConfig& config, ConstRows logits, std::span<const float> correction,
                      const Routing& routing) {
  const auto num_experts = static_cast<size_t>(logits.cols);
  const auto top_k = static_cast<size_t>(config.experts_per_token);
  CHECK(correction.size() == num_experts && top_k <= num_experts);
  ops.parallel_for(logits.rows, [&](int64_t begin, int64_t end) {
    std::vector<float> scores(num_experts);
    std::vector<float> choice(num_experts);
    for (int64_t token = begin; token < end; ++token) {
      const float* row = logits.row<float>(token);
      for (size_t i = 0; i < num_experts; ++i) {
        scores[i] = 1.0F / (1.0F + std::exp(-row[i]));
        choice[i] = std::isnan(scores[i]) ? kNever : scores[i] + correction[i];
      }
      leave_best_expert_groups(config, choice);
      const std::vector<int32_t> experts = largest(choice, config.experts_per_token);
      float sum = 0;
      for (const int32_t expert : experts) sum += scores[static_cast<size_t>(expert)];
      const float divisor = config.normalize_top_k ? sum + 1e-20F : 1.0F;  // all sigmoids may be 0
      for (size_t j = 0; j < top_k; ++j) {
        const size_t at = static_cast<size_t>(token) * top_k + j;
        routing.experts[at] = experts[j];
        routing.weights[at] = scores[static_cast<size_t>(experts[j])] / divisor * config.routed_scale;
      }
    }
  });
}

}  // namespace braid
