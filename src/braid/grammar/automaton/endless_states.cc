#include "braid/grammar/automaton/endless_states.h"

#include <algorithm>

#include "braid/grammar/automaton/components.h"

namespace braid::grammar {

bool EndlessStates::contains(StateId state) {
  const uint32_t rule = machine_->states[state].rule;
  if (progress_[rule] == Progress::kUnknown) find(rule, 0);
  return endless_[state] != 0;
}

// A rule within itself recurs. (So, as far as is known, does one that is nested very deeply.)
bool EndlessStates::is_endless_call(const CallEdge& call, int depth) {
  constexpr int kMaxDepth = 100;
  const auto rule = static_cast<uint32_t>(call.rule);
  if (machine_->rules[rule].counts_characters) {
    return call.max == kUnbounded && machine_->states[machine_->rules[rule].first_state].most == kUnbounded;
  }
  if (call.max == kUnbounded || progress_[rule] == Progress::kUnderWay) return true;
  if (progress_[rule] == Progress::kUnknown) {
    if (depth >= kMaxDepth) return true;
    find(rule, depth + 1);
  }
  return std::ranges::any_of(machine_->rules[rule].entry_states, [&](StateId entry) { return endless_[entry] != 0; });
}

void EndlessStates::find(uint32_t rule, int depth) {
  progress_[rule] = Progress::kUnderWay;
  const StateId first = machine_->rules[rule].first_state;
  std::vector<std::vector<int32_t>> edges;
  for (StateId from = first; from < machine_->num_states() && machine_->states[from].rule == rule; ++from) {
    auto& targets = edges.emplace_back();
    const auto add = [&](StateId to) {
      targets.push_back(static_cast<int32_t>(to - first));
      if (to == from) endless_[from] = 1;
    };
    for (const ByteEdge& edge : machine_->bytes_of(from)) add(edge.target);
    for (const StateId to : machine_->epsilons_of(from)) add(to);
    for (const CallEdge& call : machine_->calls_of(from)) {
      add(call.target);
      if (is_endless_call(call, depth)) endless_[from] = 1;
    }
  }
  for (const std::vector<int32_t>& component : strong_components(edges)) {  // what they lead to comes first
    const auto from = static_cast<size_t>(component.front());
    const bool leads_on =
        std::ranges::any_of(edges[from], [&](int32_t to) { return endless_[first + static_cast<StateId>(to)] != 0; });
    if (component.size() == 1 && endless_[first + from] == 0 && !leads_on) continue;
    for (const int32_t state : component) endless_[first + static_cast<StateId>(state)] = 1;
  }
  progress_[rule] = Progress::kKnown;
}

}  // namespace braid::grammar
