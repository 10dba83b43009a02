#include "braid/grammar/automaton/literal_states.h"

#include <algorithm>

namespace braid::grammar {

LiteralStates::LiteralStates(const RuleAutomaton& rule) {
  for (const AutomatonState& state : rule.states) {
    for (const LiteralEdge& edge : state.literals) chains_.push_back({.key = key_of(edge), .size = edge.size});
  }
  std::ranges::sort(chains_,
                    [](const Chain& a, const Chain& b) { return a.key != b.key ? a.key < b.key : a.size > b.size; });
  const auto others = std::ranges::unique(chains_, {}, &Chain::key);
  chains_.erase(others.begin(), others.end());
  const auto num_own = static_cast<StateId>(rule.states.size());
  for (Chain& chain : chains_) {
    const auto& [end, target] = chain.key;
    for (uint32_t place = end - chain.size + 1; place < end; ++place) {
      const StateId next = num_own + static_cast<StateId>(states_.size()) + 1;
      states_.push_back({place, place + 1 < end ? next : target});
    }
    chain.end = num_own + static_cast<StateId>(states_.size());
  }
}

StateId LiteralStates::after_first_byte(const LiteralEdge& edge) const {
  const auto chain = std::ranges::lower_bound(chains_, key_of(edge), {}, &Chain::key);
  return chain->end - (edge.size - 1);
}

}  // namespace braid::grammar
