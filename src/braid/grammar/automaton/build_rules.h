// Expressions to automata.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// Small rules that do not recur are copied to where they are used; repetitions that are long become counted calls.
// An error if the grammar needs more than the limits allow.
Result<RuleSet> build_rules(const Grammar& grammar, const GrammarLimits& limits);

}  // namespace braid::grammar
