#include "braid/grammar/automaton/machine.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/build_rules.h"
#include "braid/grammar/automaton/left_calls.h"
#include "braid/grammar/automaton/normalize_rules.h"
#include "braid/grammar/automaton/text_lengths.h"

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
    if (state.ends_character || !state.bytes.empty() || !state.calls.empty() || state.epsilons.size() > 1) return false;
    if (state.epsilons.empty()) return state.accepts;
    here = state.epsilons.front();
  }
  return false;
}

// Finds how many characters may follow each state of the rules that count them. An error if the bounds of a call cannot
// be met, or not from every state that seems to: some characters cannot be written.
Status measure_texts(const RuleSet& rules, const std::vector<uint32_t>& number, Machine& machine) {
  for (size_t r = 0; r < rules.rules.size(); ++r) {
    const RuleAutomaton& rule = rules.rules[r];
    if (!rule.counts_characters) continue;
    LengthGraph graph;
    for (const AutomatonState& state : rule.states) {
      std::vector<LengthGraph::Edge>& edges = graph.edges.emplace_back();
      for (const ByteEdge& edge : state.bytes) edges.push_back({edge.target, rule.states[edge.target].ends_character});
      for (const CallEdge& edge : state.calls) edges.push_back({edge.target, rule.states[edge.target].ends_character});
      graph.accepts.push_back(state.accepts ? 1 : 0);
    }
    const std::vector<TextLengths> lengths = text_lengths(graph);
    if (!have_no_gaps(graph, lengths)) return fail("{}: the vocabulary lacks bytes for its characters", rule.name);
    for (StateId i = 0; i < rule.states.size(); ++i) {
      Machine::State& state = machine.states[machine.rules[number[r]].first_state + i];
      state.counts_characters = true;
      state.ends_character = rule.states[i].ends_character;
      state.fewest = lengths[i].min;
      state.most = lengths[i].max.value_or(kUnbounded);
    }
  }
  for (const CallEdge& call : machine.call_edges) {
    const Machine::RuleEntry& callee = machine.rules[static_cast<size_t>(call.rule)];
    const Machine::State& start = machine.states[callee.first_state];
    if (!callee.counts_characters) continue;
    const bool has_text = std::max({start.fewest, call.min, 1U}) <= std::min(start.most, call.max);
    if (!has_text) return fail("a text of {} to {} characters: the vocabulary lacks bytes for it", call.min, call.max);
  }
  return {};
}

Result<Machine> flatten(const RuleSet& rules) {
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
    Machine::RuleEntry entry{.shared_key = rule.shared_key,
                             .counts_characters = rule.counts_characters,
                             .first_state = first,
                             .entry_states = {},
                             .mark = rule.mark};
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
  TRY_STATUS(measure_texts(rules, number, machine));
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
