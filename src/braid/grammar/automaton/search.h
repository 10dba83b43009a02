// Expressions that are searched for: any text may precede or follow them, so what they repeat at that edge beyond its
// fewest times changes nothing. `[a-z]{1,2048}$` needs 2 states instead of 2048. Tested by search_test.cc.
#pragma once

#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

// The texts of `anything` and then `part`. `anything` has every text.
Expr preceded_by(const Expr& anything, const Expr& part);
// The texts of `part` and then `anything`.
Expr followed_by(const Expr& anything, const Expr& part);

}  // namespace braid::grammar
