// Decimal numbers as they are written, for bounds of numbers.
#pragma once

#include <compare>
#include <string>

#include "braid/formats/json.h"

namespace braid::grammar {

// (-1 if negative) * integer.fraction, without leading or trailing zeros ("0" and "" at least). Zero is not negative.
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

// A JSON number: of a double, the shortest decimal that reads as it.
Decimal decimal_of(const Json& number);

std::strong_ordering compare(const Decimal& a, const Decimal& b);

}  // namespace braid::grammar
