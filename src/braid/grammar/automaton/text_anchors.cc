#include "braid/grammar/automaton/text_anchors.h"

namespace braid::grammar {
namespace {

// The states that `from` reaches (or that reach it) without a byte, through the anchors selected by `passes`.
template <typename Passes>
std::vector<char> reached(const RuleAutomaton& rule, const std::vector<AnchorEdge>& anchors, StateId from,
                          Passes passes, bool backwards) {
  std::vector<std::vector<StateId>> edges(rule.states.size());
  const auto add = [&](StateId a, StateId b) { edges[backwards ? b : a].push_back(backwards ? a : b); };
  for (StateId i = 0; i < rule.states.size(); ++i) {
    for (const StateId to : rule.states[i].epsilons) add(i, to);
  }
  for (const AnchorEdge& anchor : anchors) {
    if (passes(anchor.is_start)) add(anchor.from, anchor.target);
  }
  std::vector<char> seen(rule.states.size(), 0);
  std::vector<StateId> open = {from};
  seen[from] = 1;
  while (!open.empty()) {
    const StateId here = open.back();
    open.pop_back();
    for (const StateId to : edges[here]) {
      if (seen[to] == 0) open.push_back(to);
      seen[to] = 1;
    }
  }
  return seen;
}

}  // namespace

void resolve_anchors(RuleAutomaton& rule, const std::vector<AnchorEdge>& anchors, StateId end) {
  const auto is_start = [](bool start) { return start; };
  const auto is_end = [](bool start) { return !start; };
  const auto any = [](bool) { return true; };
  const std::vector<char> from_start = reached(rule, anchors, rule.start, is_start, false);
  const std::vector<char> to_end = reached(rule, anchors, end, is_end, true);
  const bool matches_nothing = reached(rule, anchors, rule.start, any, false)[end] != 0;
  const auto num_states = static_cast<StateId>(rule.states.size());
  const StateId new_start = rule.add_state();
  const StateId new_end = rule.add_state();
  for (StateId i = 0; i < num_states; ++i) {
    if (from_start[i] != 0) rule.states[new_start].epsilons.push_back(*rule.arena, i);
    if (to_end[i] != 0) rule.states[i].epsilons.push_back(*rule.arena, new_end);
  }
  if (matches_nothing) rule.states[new_start].epsilons.push_back(*rule.arena, new_end);
  rule.states[end].accepts = false;
  rule.states[new_end].accepts = true;
  rule.start = new_start;
}

}  // namespace braid::grammar
