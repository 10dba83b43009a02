#include "braid/grammar/json/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace braid::grammar {
namespace {

std::strong_ordering compare_magnitude(const Decimal& a, const Decimal& b) {
  if (a.integer.size() != b.integer.size()) return a.integer.size() <=> b.integer.size();
  if (const auto order = a.integer.compare(b.integer) <=> 0; order != 0) return order;
  return a.fraction.compare(b.fraction) <=> 0;  // a prefix is less, because the rest is not zero
}

}  // namespace

Decimal decimal_of(const Json& number) {
  std::string text;
  if (number.is_number_unsigned()) {
    text = fmt::format("{}", number.get<uint64_t>());
  } else if (number.is_number_integer()) {
    text = fmt::format("{}", number.get<int64_t>());
  } else {
    text = fmt::format("{}", number.get<double>());
  }
  Decimal decimal{.is_negative = text.starts_with('-')};
  if (decimal.is_negative) text.erase(0, 1);
  int exponent = 0;
  if (const size_t e = text.find('e'); e != std::string::npos) {
    const size_t digits = text[e + 1] == '+' ? e + 2 : e + 1;
    std::from_chars(text.data() + digits, text.data() + text.size(), exponent);
    text.resize(e);
  }
  const size_t point = text.find('.');
  std::string digits = text.substr(0, point);
  auto point_at = static_cast<int>(digits.size()) + exponent;
  if (point != std::string::npos) digits += text.substr(point + 1);
  if (point_at < 0) {
    digits.insert(0, static_cast<size_t>(-point_at), '0');
    point_at = 0;
  }
  if (static_cast<size_t>(point_at) > digits.size()) digits.append(static_cast<size_t>(point_at) - digits.size(), '0');
  decimal.integer = digits.substr(0, static_cast<size_t>(point_at));
  decimal.fraction = digits.substr(static_cast<size_t>(point_at));
  decimal.integer.erase(0, std::min(decimal.integer.find_first_not_of('0'), decimal.integer.size()));
  if (decimal.integer.empty()) decimal.integer = "0";
  while (decimal.fraction.ends_with('0')) decimal.fraction.pop_back();
  if (decimal.is_zero()) decimal.is_negative = false;
  return decimal;
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.is_negative != b.is_negative) {
    return a.is_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return a.is_negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

}  // namespace braid::grammar
