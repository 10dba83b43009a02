// Turns expressions over characters into deterministic automata. Tested by character_nfa_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

// `expression` has no rules and no bytes. Repetitions are expanded. An error if that needs too many states.
Result<Dfa> dfa_of(const Expression& expression, WorkBudget& work);

}  // namespace braid::grammar
