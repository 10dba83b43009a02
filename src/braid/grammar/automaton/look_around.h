// Patterns that look around, "(?=…)", "(?!…)", "(?<=…)" and "(?<!…)", as deterministic automata. Tested by
// ../regex/regex_parser_test.cc and ../regex/regex_reference_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

bool has_look_around(const Expression& expression);

// As dfa_of(), for expressions that may look around.
Result<Dfa> dfa_with_look_around(const Expr& expression, WorkBudget& work);

}  // namespace braid::grammar
