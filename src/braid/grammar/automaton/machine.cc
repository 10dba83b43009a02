#include "braid/grammar/automaton/machine.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/build_rules.h"
#include "braid/grammar/automaton/left_calls.h"
#include "braid/grammar/automaton/normalize_rules.h"

namespace braid::grammar {
namespace {

void set_byte_classes(Machine& machine) {
  std::array<bool, 257> is_border{};
  is_border[0] = true;
  for (const ByteEdge& edge : machine.byte_edges) {
    is_border[edge.first] = true;
    is_border[edge.last + size_t{1}] = true;
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    if (is_border[byte]) machine.class_byte.push_back(static_cast<uint8_t>(byte));
    machine.byte_class[byte] = static_cast<uint8_t>(machine.class_byte.size() - 1);
  }
}

// True if only the rule's end can follow here (false if that would take long to find out).
bool only_accepts(const RuleAutomaton& rule, StateId here) {
  constexpr int kMaxSteps = 16;
  for (int step = 0; step < kMaxSteps; ++step) {
    const AutomatonState& state = rule.states[here];
    if (!state.bytes.empty() || !state.calls.empty() || state.epsilons.size() > 1) return false;
    if (state.epsilons.empty()) return state.accepts;
    here = state.epsilons.front();
  }
  return false;
}

Machine flatten(const RuleSet& rules) {
  const LeftCallOrder order = left_call_order(rules);
  CHECK(order.cycles.empty(), "{} cycles of calls before a byte", order.cycles.size());
  std::vector<uint32_t> number(rules.rules.size());
  std::vector<StateId> first_state(rules.rules.size());
  StateId next = 0;
  for (size_t i = 0; i < order.callers_first.size(); ++i) {
    const auto rule = static_cast<size_t>(order.callers_first[i]);
    number[rule] = static_cast<uint32_t>(i);
    first_state[rule] = next;
    next += static_cast<StateId>(rules.rules[rule].states.size());
  }
  Machine machine;
  machine.root = number[static_cast<size_t>(rules.root)];
  machine.states.reserve(next + 1);
  for (const RuleId id : order.callers_first) {
    const auto r = static_cast<size_t>(id);
    const RuleAutomaton& rule = rules.rules[r];
    const StateId first = first_state[r];
    for (const AutomatonState& state : rule.states) {
      machine.states.push_back({.first_byte_edge = static_cast<uint32_t>(machine.byte_edges.size()),
                                .first_call_edge = static_cast<uint32_t>(machine.call_edges.size()),
                                .first_epsilon = static_cast<uint32_t>(machine.epsilon_targets.size()),
                                .rule = number[r],
                                .accepts = state.accepts});
      for (ByteEdge edge : state.bytes) {
        edge.target += first;
        machine.byte_edges.push_back(edge);
      }
      for (CallEdge edge : state.calls) {
        edge.target += first;
        edge.rule = static_cast<RuleId>(number[static_cast<size_t>(edge.rule)]);
        machine.call_edges.push_back(edge);
      }
      for (const StateId to : state.epsilons) machine.epsilon_targets.push_back(to + first);
    }
    // The end of a unique item must be seen, so no call in it returns past it.
    const bool is_item = rule.mark == RuleMark::kUniqueItem;
    machine.has_unique_items = machine.has_unique_items || is_item;
    for (StateId i = 0; i < rule.states.size(); ++i) {
      machine.states[first + i].only_accepts = !is_item && only_accepts(rule, i);
    }
    Machine::RuleEntry entry{
        .shared_key = rule.shared_key, .first_state = first, .entry_states = {}, .mark = rule.mark};
    for (const StateId state : epsilon_closure(rule, {rule.start})) {
      if (id == rules.root && rule.states[state].accepts) machine.accepts_empty_text = true;
      if (rule.states[state].bytes.empty() && rule.states[state].calls.empty()) continue;
      entry.entry_states.push_back(first + state);
    }
    machine.rules.push_back(std::move(entry));
  }
  machine.states.push_back({.first_byte_edge = static_cast<uint32_t>(machine.byte_edges.size()),
                            .first_call_edge = static_cast<uint32_t>(machine.call_edges.size()),
                            .first_epsilon = static_cast<uint32_t>(machine.epsilon_targets.size())});
  set_byte_classes(machine);
  return machine;
}

}  // namespace

int64_t Machine::memory_bytes() const {
  const auto of = [](const auto& list) { return static_cast<int64_t>(list.capacity() * sizeof(list[0])); };
  int64_t num_bytes = of(states) + of(byte_edges) + of(call_edges) + of(epsilon_targets) + of(rules);
  for (const RuleEntry& rule : rules) num_bytes += of(rule.entry_states) + of(rule.shared_key);
  return num_bytes;
}

Result<Machine> make_machine(const Grammar& grammar, const ByteSet& available, const GrammarLimits& limits) {
  TRY(RuleSet rules, build_rules(grammar, limits));
  bypass_empty_rules(rules);
  TRY_STATUS(remove_useless(rules, available));
  TRY_STATUS(remove_left_recursion(rules, limits));
  TRY_STATUS(remove_useless(rules, available));
  determinize(rules);
  return flatten(rules);
}

}  // namespace braid::grammar
