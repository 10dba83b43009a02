#include "braid/grammar/automaton/endless_states.h"

#include <algorithm>

#include "braid/grammar/automaton/components.h"

namespace braid::grammar {

std::vector<char> endless_states(const Machine& machine) {
  const size_t num_states = machine.num_states();
  std::vector<char> endless(num_states, 0);
  // A call leads into the called rule, and past it.
  std::vector<std::vector<int32_t>> edges(num_states);
  for (StateId from = 0; from < num_states; ++from) {
    const auto add = [&](StateId to) {
      edges[from].push_back(static_cast<int32_t>(to));
      if (to == from) endless[from] = 1;
    };
    for (const ByteEdge& edge : machine.bytes_of(from)) add(edge.target);
    for (const StateId to : machine.epsilons_of(from)) add(to);
    for (const CallEdge& call : machine.calls_of(from)) {
      add(call.target);
      for (const StateId entry : machine.rules[static_cast<size_t>(call.rule)].entry_states) add(entry);
      if (call.max == kUnbounded) endless[from] = 1;
    }
  }
  for (const std::vector<int32_t>& component : strong_components(edges)) {  // what they lead to comes first
    const auto is_endless = [&](int32_t state) {
      const auto from = static_cast<size_t>(state);
      return endless[from] != 0 ||
             std::ranges::any_of(edges[from], [&](int32_t to) { return endless[static_cast<size_t>(to)] != 0; });
    };
    if (component.size() == 1 && !is_endless(component.front())) continue;
    for (const int32_t state : component) endless[static_cast<size_t>(state)] = 1;
  }
  return endless;
}

}  // namespace braid::grammar
