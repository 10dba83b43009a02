#include "braid/grammar/automaton/machine.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/build_rules.h"
#include "braid/grammar/automaton/left_calls.h"
#include "braid/grammar/automaton/literal_states.h"
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
    if (state.ends_character || state.goes_on() || state.epsilons.size() > 1) return false;
    if (state.epsilons.empty()) return state.accepts;
    here = state.epsilons.front();
  }
  return false;
}

// Finds how many characters may follow each state of the rules that count them. An error if the bounds of a call cannot
// be met, or not from every state that seems to: some characters cannot be written.
Status measure_texts(const RuleSet& rules, const std::vector<uint32_t>& number, Machine& machine) {
  std::vector<uint32_t> room(rules.rules.size(), UINT32_MAX);  // the least of a rule's calls
  for (const CallEdge& call : machine.call_edges) {
    uint32_t& least = room[static_cast<size_t>(call.rule)];
    least = std::min(least, room_between(call.min, call.max));
  }
  for (size_t r = 0; r < rules.rules.size(); ++r) {
    const RuleAutomaton& rule = rules.rules[r];
    if (!rule.counts_characters) continue;
    LengthGraph graph;
    graph.edges.reserve(rule.states.size());
    for (const AutomatonState& state : rule.states) {
      std::vector<LengthGraph::Edge>& edges = graph.edges.emplace_back();
      const auto add = [&](StateId target) {
        const bool is_known = !edges.empty() && edges.back().target == target;
        if (!is_known) edges.push_back({target, rule.states[target].ends_character});
      };
      for (const ByteEdge& edge : state.bytes) add(edge.target);
      for (const CallEdge& edge : state.calls) add(edge.target);
      graph.accepts.push_back(state.accepts ? 1 : 0);
    }
    const std::vector<TextLengths> lengths = text_lengths(graph);
    if (!have_small_gaps(graph, lengths, room[number[r]])) {
      return fail("{}: the vocabulary lacks bytes for its characters", rule.name);
    }
    for (StateId i = 0; i < rule.states.size(); ++i) {
      Machine::State& state = machine.states[machine.rules[number[r]].first_state + i];
      state.counts_characters = true;
      state.ends_character = rule.states[i].ends_character;
      state.fewest = lengths[i].min;
      state.fewest_more = lengths[i].min_not_empty;
      state.most = lengths[i].max.value_or(kUnbounded);
    }
  }
  for (const CallEdge& call : machine.call_edges) {
    const Machine::RuleEntry& callee = machine.rules[static_cast<size_t>(call.rule)];
    const Machine::State& start = machine.states[callee.first_state];
    if (!callee.counts_characters) continue;
    const bool has_text = std::max(start.fewest_more, call.min) <= std::min(start.most, call.max);
    if (!has_text) return fail("a text of {} to {} characters: the vocabulary lacks bytes for it", call.min, call.max);
  }
  return {};
}

// Appends the states of the rules, one after the other, to a machine.
class MachineBuilder {
 public:
  explicit MachineBuilder(const RuleSet& rules) : rules_(rules), number_(rules.rules.size()) {}

  Result<Machine> build() {
    const LeftCallOrder order = left_call_order(rules_);
    CHECK(order.cycles.empty(), "{} cycles of calls before a byte", order.cycles.size());
    for (size_t i = 0; i < order.callers_first.size(); ++i) {
      number_[static_cast<size_t>(order.callers_first[i])] = static_cast<uint32_t>(i);
    }
    machine_.root = number_[static_cast<size_t>(rules_.root)];
    for (const RuleId id : order.callers_first) add_rule(id);
    machine_.states.push_back(new_state());
    set_byte_classes(machine_);
    TRY_STATUS(measure_texts(rules_, number_, machine_));
    return std::move(machine_);
  }

 private:
  Machine::State new_state() const {
    return {.first_byte_edge = static_cast<uint32_t>(machine_.byte_edges.size()),
            .first_call_edge = static_cast<uint32_t>(machine_.call_edges.size()),
            .first_epsilon = static_cast<uint32_t>(machine_.epsilon_targets.size()),
            .rule = static_cast<uint32_t>(machine_.rules.size())};
  }

  void add_rule(RuleId id) {
    const RuleAutomaton& rule = rules_.rules[static_cast<size_t>(id)];
    const auto first = static_cast<StateId>(machine_.states.size());
    // The end of a unique item must be seen, so no call in it returns past it.
    const bool is_item = rule.mark == RuleMark::kUniqueItem;
    machine_.has_unique_items = machine_.has_unique_items || is_item;
    const LiteralStates literals(rule);
    for (StateId i = 0; i < rule.states.size(); ++i) {
      const AutomatonState& state = rule.states[i];
      Machine::State& added = machine_.states.emplace_back(new_state());
      added.accepts = state.accepts;
      added.only_accepts = !is_item && only_accepts(rule, i);
      for (ByteEdge edge : state.bytes) {
        edge.target += first;
        machine_.byte_edges.push_back(edge);
      }
      for (const LiteralEdge& edge : state.literals) add_byte(edge.begin, first + literals.after_first_byte(edge));
      for (CallEdge edge : state.calls) {
        edge.target += first;
        edge.rule = static_cast<RuleId>(number_[static_cast<size_t>(edge.rule)]);
        machine_.call_edges.push_back(edge);
      }
      for (const StateId to : state.epsilons) machine_.epsilon_targets.push_back(to + first);
    }
    for (const LiteralStates::State& state : literals.states()) {
      machine_.states.push_back(new_state());
      add_byte(state.next_byte, first + state.target);
    }
    Machine::RuleEntry entry{.shared_key = rule.shared_key,
                             .counts_characters = rule.counts_characters,
                             .first_state = first,
                             .entry_states = {},
                             .mark = rule.mark};
    for (const StateId state : epsilon_closure(rule, {rule.start})) {
      if (id == rules_.root && rule.states[state].accepts) machine_.accepts_empty_text = true;
      if (rule.states[state].goes_on()) entry.entry_states.push_back(first + state);
    }
    machine_.rules.push_back(std::move(entry));
  }

  void add_byte(uint32_t place, StateId target) {
    const auto byte = static_cast<uint8_t>(rules_.text[place]);
    machine_.byte_edges.push_back({byte, byte, target});
  }

  const RuleSet& rules_;
  std::vector<uint32_t> number_;  // of each rule in the machine
  Machine machine_;
};

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
  TRY(const bool was_recursive, remove_left_recursion(rules, limits));
  if (was_recursive) TRY_STATUS(remove_useless(rules, available));
  determinize(rules);
  return MachineBuilder(rules).build();
}

}  // namespace braid::grammar
