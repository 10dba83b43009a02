// Removes left recursion (normalize_rules.h). Tested by ../ebnf/ebnf_parser_test.cc.
#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/left_calls.h"
#include "braid/grammar/automaton/normalize_rules.h"

namespace braid::grammar {
namespace {

void append_edges(AutomatonState& to, const AutomatonState& from, Arena& arena) {
  to.bytes.append(arena, from.bytes);
  to.literals.append(arena, from.literals);
  to.calls.append(arena, from.calls);
}

// Gives the rule a new start that nothing leads back to. It has all edges of the states that the old start reaches
// without a byte.
void isolate_start(RuleAutomaton& rule) {
  AutomatonState start;
  for (const StateId here : epsilon_closure(rule, {rule.start})) {
    const AutomatonState& state = rule.states[here];
    start.accepts = start.accepts || state.accepts;
    append_edges(start, state, *rule.arena);
  }
  rule.start = rule.add_state();
  rule.states[rule.start] = std::move(start);
}

// The states where a rule continues after the first repetition of `call`.
std::vector<StateId> after_first(RuleAutomaton& rule, const CallEdge& call) {
  std::vector<StateId> next;
  if (call.min <= 1) next.push_back(call.target);
  if (call.max > 1) {
    const StateId more = rule.add_state();
    const uint32_t max = call.max == kUnbounded ? kUnbounded : call.max - 1;
    rule.states[more].calls.push_back(*rule.arena, {call.rule, std::max(call.min - 1, 1U), max, call.target});
    next.push_back(more);
  }
  return next;
}

AutomatonState copied_to(Arena& arena, const AutomatonState& state) {
  AutomatonState copy = state;
  copy.bytes = state.bytes.copied_to(arena);
  copy.literals = state.literals.copied_to(arena);
  copy.calls = state.calls.copied_to(arena);
  copy.epsilons = state.epsilons.copied_to(arena);
  return copy;
}

// Replaces the call at the start of `rule` by a copy of `callee`, whose start is isolated.
void substitute(RuleAutomaton& rule, const CallEdge& call, const RuleAutomaton& callee) {
  const std::vector<StateId> next = after_first(rule, call);
  const auto offset = static_cast<StateId>(rule.states.size());
  for (StateId i = 0; i < callee.states.size(); ++i) {
    AutomatonState state = copied_to(*rule.arena, callee.states[i]);
    for (ByteEdge& edge : state.bytes) edge.target += offset;
    for (LiteralEdge& edge : state.literals) edge.target += offset;
    for (CallEdge& edge : state.calls) edge.target += offset;
    for (StateId& to : state.epsilons) to += offset;
    if (std::exchange(state.accepts, false)) state.epsilons.append(*rule.arena, next);
    if (i == callee.start) {
      // Only the call led to the copied start, so its edges become the caller's. (Empty matches were bypassed before.)
      AutomatonState& start = rule.states[rule.start];
      append_edges(start, state, *rule.arena);
      state = {};
    }
    rule.states.push_back(std::move(state));
  }
}

// A = A x | y is A = y x*: after an A is complete, the rule may continue as if that A were the one on the left.
void remove_direct(RuleAutomaton& rule, RuleId self) {
  std::vector<CallEdge> own;
  ArenaList<CallEdge>& calls = rule.states[rule.start].calls;
  for (const CallEdge& call : calls) {
    if (call.rule == self) own.push_back(call);
  }
  calls.erase_if([&](const CallEdge& call) { return call.rule == self; });
  std::vector<StateId> next;
  for (const CallEdge& call : own) {
    for (const StateId to : after_first(rule, call)) next.push_back(to);
  }
  if (next.empty()) return;
  for (StateId i = 0; i < rule.states.size(); ++i) {
    if (i != rule.start && rule.states[i].accepts) rule.states[i].epsilons.append(*rule.arena, next);
  }
}

}  // namespace

Result<bool> remove_left_recursion(RuleSet& rules, const GrammarLimits& limits) {
  const LeftCallOrder order = left_call_order(rules);
  for (const std::vector<RuleId>& cycle : order.cycles) {
    for (const RuleId id : cycle) isolate_start(rules.rules[static_cast<size_t>(id)]);
    for (size_t i = 0; i < cycle.size(); ++i) {
      RuleAutomaton& rule = rules.rules[static_cast<size_t>(cycle[i])];
      for (size_t j = 0; j < i; ++j) {
        std::vector<CallEdge> to_replace;
        ArenaList<CallEdge>& calls = rule.states[rule.start].calls;
        for (const CallEdge& call : calls) {
          if (call.rule == cycle[j]) to_replace.push_back(call);
        }
        calls.erase_if([&](const CallEdge& call) { return call.rule == cycle[j]; });
        for (const CallEdge& call : to_replace) {
          substitute(rule, call, rules.rules[static_cast<size_t>(cycle[j])]);
          if (static_cast<int64_t>(rule.states.size()) > limits.max_states) {
            return fail("rule \"{}\" is left-recursive by way of others: without that, the grammar is too large",
                        rule.name);
          }
        }
      }
      remove_direct(rule, cycle[i]);
    }
  }
  return !order.cycles.empty();
}

}  // namespace braid::grammar
