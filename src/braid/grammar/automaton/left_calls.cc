#include "braid/grammar/automaton/left_calls.h"

#include <algorithm>

#include "braid/grammar/automaton/components.h"

namespace braid::grammar {

LeftCallOrder left_call_order(const RuleSet& rules) {
  std::vector<std::vector<int32_t>> left_calls(rules.rules.size());
  for (size_t i = 0; i < rules.rules.size(); ++i) {
    const RuleAutomaton& rule = rules.rules[i];
    for (const StateId state : epsilon_closure(rule, {rule.start})) {
      for (const CallEdge& call : rule.states[state].calls) left_calls[i].push_back(call.rule);
    }
    std::ranges::sort(left_calls[i]);
    const auto repeated = std::ranges::unique(left_calls[i]);
    left_calls[i].erase(repeated.begin(), repeated.end());
  }
  LeftCallOrder order;
  for (std::vector<int32_t>& component : strong_components(left_calls)) {
    order.callers_first.insert(order.callers_first.end(), component.begin(), component.end());
    const auto& of_first = left_calls[static_cast<size_t>(component.front())];
    const bool is_cycle = component.size() > 1 || std::ranges::count(of_first, component.front()) > 0;
    if (is_cycle) order.cycles.push_back(std::move(component));
  }
  std::ranges::reverse(order.callers_first);
  return order;
}

}  // namespace braid::grammar
