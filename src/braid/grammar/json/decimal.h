// Decimal numbers as written, for the bounds of numbers. Tested by schema_compiler_test.cc.
#pragma once

#include <compare>
#include <string>

#include "braid/formats/json.h"

namespace braid::grammar {

// The number integer.fraction, negated if negative. No leading or trailing zeros; at least "0" and "". Zero is not
// negative.
struct Decimal {
  bool is_negative = false;
  std::string integer = "0";
  std::string fraction = {};

  bool is_zero() const { return integer == "0" && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
  Decimal negated() const {
    return {.is_negative = !is_negative && !is_zero(), .integer = integer, .fraction = fraction};
  }

  bool operator==(const Decimal&) const = default;
};

// From a JSON number. A double becomes the shortest decimal that reads as the same double.
Decimal decimal_of(const Json& number);

std::strong_ordering compare(const Decimal& a, const Decimal& b);

}  // namespace braid::grammar
