// "^" and "$": edges that hold only where a rule's text starts or ends.
#pragma once

#include <vector>

#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

struct AnchorEdge {
  StateId from = 0;
  StateId target = 0;
  bool is_start = false;  // or of the end
};

// Writes them down without anchors: a start of its own, from which every "^" has been passed, and an end of its own,
// before which every "$" has. `end` is the rule's one accepting state so far.
void resolve_anchors(RuleAutomaton& rule, const std::vector<AnchorEdge>& anchors, StateId end);

}  // namespace braid::grammar
