// Numbers within bounds, as an automaton over their digits. Tested by schema_compiler_test.cc and
// schema_limits_test.cc.
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
  bool is_fraction = false;  // no integers
  std::optional<NumberBound> min;
  std::optional<NumberBound> max;
  std::vector<Decimal> multiples_of;  // each above 0

  bool is_free() const { return !is_fraction && !min && !max && multiples_of.empty(); }
};

// As decimals are written: 0.07 is a multiple of 0.01, whatever a double makes of it.
bool is_multiple(const Decimal& number, const Decimal& multiple);

// Sets the bound to the tighter of the current one, if any, and `bound`.
void tighten_min(NumberRange& range, const NumberBound& bound);
void tighten_max(NumberRange& range, const NumberBound& bound);

// Numbers are written without an exponent, with at most 15 significant digits (integers: 20, or as many as a bound
// has), so doubles keep their order. Empty if there is no such number. Errors name what is not supported.
Result<Dfa> number_automaton(const NumberRange& range, WorkBudget& work);

}  // namespace braid::grammar
