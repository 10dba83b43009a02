#include "braid/bench/simulate/step_cost.h"

#include <algorithm>

namespace braid::simulate {

double step_seconds(const StepCost& cost, std::span<const std::shared_ptr<const StepPlan>> plans) {
  double most_tokens = 0;
  double all_tokens = 0;
  double longest_s = 0;  // attention over the context, of one group
  for (const auto& plan : plans) {
    if (plan == nullptr) continue;
    const auto num_tokens = static_cast<double>(plan->num_tokens());
    most_tokens = std::max(most_tokens, num_tokens);
    all_tokens += num_tokens;
    double context_s = 0;
    for (const SequencePlan& sequence : plan->sequences) {
      const auto num_new = static_cast<double>(sequence.new_tokens.size());
      const double first = sequence.first_position;
      context_s += 1e-6 * cost.read_us * (first + num_new) + 1e-9 * cost.pair_ns * num_new * (first + num_new / 2);
    }
    longest_s = std::max(longest_s, context_s);
  }
  const double split = (1 - cost.attention_share) / static_cast<double>(plans.size());
  const double read_s = 1e-3 * cost.weights_ms * (cost.attention_share + split);
  const double products_s = 1e-6 * cost.token_us * (cost.attention_share * most_tokens + split * all_tokens);
  return std::max(read_s, products_s) + longest_s;
}

}  // namespace braid::simulate
