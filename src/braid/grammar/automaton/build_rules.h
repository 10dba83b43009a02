// Turns expressions into automata. Tested by ../ebnf/ebnf_parser_test.cc and ../regex/regex_parser_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// Small rules that are not recursive are copied to where they are used; long repetitions become counted calls. An error
// if the grammar exceeds the limits.
Result<RuleSet> build_rules(const Grammar& grammar, const GrammarLimits& limits);

}  // namespace braid::grammar
