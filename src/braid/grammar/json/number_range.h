// Numbers within bounds, as an automaton over their digits.
#pragma once

#include <optional>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/json/decimal.h"

namespace braid::grammar {

struct NumberBound {
  Decimal value;
  bool is_exclusive = false;
};

struct NumberRange {
  bool is_integer = false;
  std::optional<NumberBound> min;
  std::optional<NumberBound> max;
  std::vector<Decimal> multiples_of;  // each above 0

  bool is_free() const { return !min && !max && multiples_of.empty(); }
};

// Keeps the tighter of the bound there is, if any, and `bound`.
void tighten_min(NumberRange& range, const NumberBound& bound);
void tighten_max(NumberRange& range, const NumberBound& bound);

// Written without an exponent, with at most 15 significant digits (integers: 20, or as many as a bound has), so that
// every reader's double keeps the order. Empty if there is no such number. An error names what cannot be done.
Result<Dfa> number_automaton(const NumberRange& range, WorkBudget& work);

}  // namespace braid::grammar
