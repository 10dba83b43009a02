#include "braid/bench/simulate/step_cost.h"

#include <algorithm>

namespace braid::simulate {

StepSeconds step_seconds(const StepCost& cost, std::span<const std::shared_ptr<const StepPlan>> plans,
                         std::span<const double> slowness) {
  StepSeconds step{.own_s = std::vector<double>(plans.size(), 0)};
  double all_tokens = 0;
  // Reading weights and computing with them overlap.
  const auto of_layers = [&](double share, double num_tokens) {
    return share * std::max(1e-3 * cost.weights_ms, 1e-6 * cost.token_us * num_tokens);
  };
  for (size_t group = 0; group < plans.size(); ++group) {
    if (plans[group] == nullptr) continue;
    const auto num_tokens = static_cast<double>(plans[group]->num_tokens());
    all_tokens += num_tokens;
    double context_s = 0;
    for (const SequencePlan& sequence : plans[group]->sequences) {
      const auto num_new = static_cast<double>(sequence.new_tokens.size());
      const double first = sequence.first_position;
      context_s += 1e-6 * cost.read_us * (first + num_new) + 1e-9 * cost.pair_ns * num_new * (first + num_new / 2);
    }
    for (const auto* pieces : {&plans[group]->leaving, &plans[group]->arriving}) {
      for (const MovedPages& piece : *pieces) {
        if (!piece.pages.empty())
          context_s += 1e-6 * cost.copy_us * static_cast<double>(cost.page_size * std::ssize(piece.pages[0]));
      }
    }
    step.own_s[group] = slowness[group] * (of_layers(cost.attention_share, num_tokens) + context_s);
  }
  const double split = (1 - cost.attention_share) / static_cast<double>(plans.size());
  step.even_s = std::ranges::max(slowness) * of_layers(split, all_tokens);
  return step;
}

double StepSeconds::total_s() const {
  return std::ranges::max(own_s) + even_s;
}

}  // namespace braid::simulate
