// "^" and "$": edges that hold only at the start or the end of a rule's text. Tested by ../regex/regex_parser_test.cc.
#pragma once

#include <vector>

#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

struct AnchorEdge {
  StateId from = 0;
  StateId target = 0;
  bool is_start = false;  // "^"; else "$"
};

// Replaces anchors by a separate start, after every "^", and a separate end, before every "$". `end` is the rule's only
// accepting state before that.
void resolve_anchors(RuleAutomaton& rule, const std::vector<AnchorEdge>& anchors, StateId end);

}  // namespace braid::grammar
