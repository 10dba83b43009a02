// Expressions over characters alone, as deterministic automata.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

// Of an expression without rules and bytes. Repetitions are written out. An error if that needs too many states.
Result<Dfa> dfa_of(const Expression& expression, WorkBudget& work);

}  // namespace braid::grammar
