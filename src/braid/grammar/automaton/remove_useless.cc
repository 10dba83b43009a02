// Removes unused parts, and bypasses empty matches (normalize_rules.h). Tested by ../ebnf/ebnf_parser_test.cc.
#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/normalize_rules.h"

namespace braid::grammar {
namespace {

// Marks, in each rule, the states that its start reaches. An edge that calls a rule is passed once that rule's end is
// reached. So a rule becomes productive if and only if it has a finite text. Takes time linear in the edges.
class ForwardReach {
 public:
  // `passes_bytes`: pass edges that read bytes too; otherwise only empty texts.
  ForwardReach(const RuleSet& rules, bool passes_bytes) : rules_(rules), passes_bytes_(passes_bytes) {
    size_t num_states = 0;
    for (const RuleAutomaton& rule : rules.rules) {
      first_.push_back(num_states);
      num_states += rule.states.size();
    }
    reached_.resize(num_states, 0);
    completes_.resize(rules.rules.size(), 0);
    waiting_.resize(rules.rules.size());
    for (size_t rule = 0; rule < rules.rules.size(); ++rule) reach(rule, rules.rules[rule].start);
    while (!open_.empty()) {
      const auto [rule, state] = open_.back();
      open_.pop_back();
      visit(rule, state);
    }
  }

  bool completes(size_t rule) const { return completes_[rule] != 0; }
  bool completes(const CallEdge& call) const { return may_pass(call) && completes(static_cast<size_t>(call.rule)); }

 private:
  // An empty text may be too short.
  bool may_pass(const CallEdge& call) const {
    const RuleAutomaton& rule = rules_.rules[static_cast<size_t>(call.rule)];
    const bool may_read = passes_bytes_ && rule.states[rule.start].goes_on();
    return may_read || call.min == 0 || !rule.counts_characters;
  }

  void reach(size_t rule, StateId state) {
    char& is_reached = reached_[first_[rule] + state];
    if (is_reached != 0) return;
    is_reached = 1;
    open_.emplace_back(rule, state);
  }

  void visit(size_t rule, StateId id) {
    const AutomatonState& state = rules_.rules[rule].states[id];
    if (state.accepts && completes_[rule] == 0) {
      completes_[rule] = 1;
      for (const auto& [caller, target] : std::exchange(waiting_[rule], {})) reach(caller, target);
    }
    for (const StateId to : state.epsilons) reach(rule, to);
    if (passes_bytes_) {
      for (const ByteEdge& edge : state.bytes) reach(rule, edge.target);
      for (const LiteralEdge& edge : state.literals) reach(rule, edge.target);
    }
    for (const CallEdge& call : state.calls) {
      if (!may_pass(call)) continue;
      const auto callee = static_cast<size_t>(call.rule);
      if (completes_[callee] != 0) {
        reach(rule, call.target);
      } else {
        waiting_[callee].emplace_back(rule, call.target);
      }
    }
  }

  const RuleSet& rules_;
  const bool passes_bytes_;
  std::vector<size_t> first_;  // of each rule's states, in reached_
  std::vector<char> reached_;
  std::vector<char> completes_;
  std::vector<std::vector<std::pair<size_t, StateId>>> waiting_;
  std::vector<std::pair<size_t, StateId>> open_;
};

void keep_available(AutomatonState& state, std::string_view text, const ByteSet& available, Arena& arena) {
  const auto lacks = [&](int byte) { return !available.test(static_cast<size_t>(byte)); };
  state.literals.erase_if([&](const LiteralEdge& edge) {
    return std::ranges::any_of(text.substr(edge.begin, edge.size), lacks,
                               [](char c) { return static_cast<uint8_t>(c); });
  });
  ArenaList<ByteEdge> kept;
  for (const ByteEdge& edge : state.bytes) {
    for (int byte = edge.first; byte <= edge.last; ++byte) {
      if (lacks(byte)) continue;
      int last = byte;
      while (last < edge.last && !lacks(last + 1)) ++last;
      kept.push_back(arena, {static_cast<uint8_t>(byte), static_cast<uint8_t>(last), edge.target});
      byte = last;
    }
  }
  state.bytes = kept;
}

template <typename Visit>
void for_each_target(const AutomatonState& state, Visit visit) {
  for (const ByteEdge& edge : state.bytes) visit(edge.target);
  for (const LiteralEdge& edge : state.literals) visit(edge.target);
  for (const CallEdge& edge : state.calls) visit(edge.target);
  for (const StateId to : state.epsilons) visit(to);
}

// The states with an edge to each state.
class Sources {
 public:
  explicit Sources(const RuleAutomaton& rule) : first_(rule.states.size() + 1, 0) {
    for (const AutomatonState& state : rule.states) {
      for_each_target(state, [&](StateId to) { ++first_[to]; });
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    sources_.resize(first_.back());
    for (StateId from = 0; from < rule.states.size(); ++from) {
      for_each_target(rule.states[from], [&](StateId to) { sources_[--first_[to]] = from; });
    }
  }

  std::span<const StateId> of(StateId state) const {
    return std::span(sources_).subspan(first_[state], first_[state + 1] - first_[state]);
  }

 private:
  std::vector<size_t> first_;  // in sources_
  std::vector<StateId> sources_;
};

// Keeps only states on a path from the start to an accepting state, and renumbers them.
void trim(RuleAutomaton& rule) {
  const Sources sources(rule);
  std::vector<char> live(rule.states.size(), 0);
  std::vector<StateId> open;
  for (StateId i = 0; i < rule.states.size(); ++i) {
    if (!rule.states[i].accepts) continue;
    live[i] = 1;
    open.push_back(i);
  }
  while (!open.empty()) {
    const StateId here = open.back();
    open.pop_back();
    for (const StateId from : sources.of(here)) {
      if (live[from] == 0) open.push_back(from);
      live[from] = 1;
    }
  }
  constexpr StateId kNone = UINT32_MAX;
  std::vector<StateId> renumbered(rule.states.size(), kNone);
  std::vector<StateId> order = {rule.start};
  renumbered[rule.start] = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    for_each_target(rule.states[order[i]], [&](StateId to) {
      if (live[to] == 0 || renumbered[to] != kNone) return;
      renumbered[to] = static_cast<StateId>(order.size());
      order.push_back(to);
    });
  }
  std::vector<AutomatonState> states;
  states.reserve(order.size());
  for (const StateId old : order) {
    AutomatonState& state = states.emplace_back(rule.states[old]);
    state.bytes.erase_if([&](const ByteEdge& edge) { return live[edge.target] == 0; });
    state.literals.erase_if([&](const LiteralEdge& edge) { return live[edge.target] == 0; });
    state.calls.erase_if([&](const CallEdge& edge) { return live[edge.target] == 0; });
    state.epsilons.erase_if([&](StateId to) { return live[to] == 0; });
    for (ByteEdge& edge : state.bytes) edge.target = renumbered[edge.target];
    for (LiteralEdge& edge : state.literals) edge.target = renumbered[edge.target];
    for (CallEdge& edge : state.calls) edge.target = renumbered[edge.target];
    for (StateId& to : state.epsilons) to = renumbered[to];
  }
  rule.states = std::move(states);
  rule.start = 0;
}

// Drops the rules that the root does not reach.
void drop_unused(RuleSet& rules) {
  std::vector<RuleId> renumbered(rules.rules.size(), -1);
  std::vector<RuleId> order = {rules.root};
  renumbered[static_cast<size_t>(rules.root)] = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    for (const AutomatonState& state : rules.rules[static_cast<size_t>(order[i])].states) {
      for (const CallEdge& call : state.calls) {
        RuleId& number = renumbered[static_cast<size_t>(call.rule)];
        if (number >= 0) continue;
        number = static_cast<RuleId>(order.size());
        order.push_back(call.rule);
      }
    }
  }
  std::vector<RuleAutomaton> kept;
  kept.reserve(order.size());
  for (const RuleId old : order) kept.push_back(std::move(rules.rules[static_cast<size_t>(old)]));
  for (RuleAutomaton& rule : kept) {
    for (AutomatonState& state : rule.states) {
      for (CallEdge& call : state.calls) call.rule = renumbered[static_cast<size_t>(call.rule)];
    }
  }
  rules.rules = std::move(kept);
  rules.root = 0;
}

}  // namespace

void bypass_empty_rules(RuleSet& rules) {
  const ForwardReach reach(rules, false);
  for (RuleAutomaton& rule : rules.rules) {
    for (AutomatonState& state : rule.states) {
      for (CallEdge& call : state.calls) {
        if (!reach.completes(call)) continue;
        state.epsilons.push_back(*rule.arena, call.target);
        call.min = 1;  // the other required repetitions can be empty texts
      }
    }
  }
}

Status remove_useless(RuleSet& rules, const ByteSet& available) {
  if (!available.all()) {
    for (RuleAutomaton& rule : rules.rules) {
      for (AutomatonState& state : rule.states) keep_available(state, rules.text, available, *rules.arena);
    }
  }
  {
    const ForwardReach reach(rules, true);
    if (!reach.completes(static_cast<size_t>(rules.root))) {
      return fail("no finite text satisfies it: it is unsatisfiable, or recurs without end");
    }
    for (RuleAutomaton& rule : rules.rules) {
      for (AutomatonState& state : rule.states) {
        state.calls.erase_if([&](const CallEdge& call) { return !reach.completes(call); });
      }
    }
  }
  drop_unused(rules);
  for (RuleAutomaton& rule : rules.rules) trim(rule);
  drop_unused(rules);
  return {};
}

}  // namespace braid::grammar
