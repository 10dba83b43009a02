// Filters that return numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

// Normalises a number's text as int() and float() do: strips white space, and maps every script's digits to 0-9.
std::string plain_number(std::string_view text) {
  std::string plain;
  text = strip_left(strip_right(text));
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    append_char(plain, c >= 0x80 && is_decimal_digit(c) ? static_cast<char32_t>('0' + decimal_value(c)) : c);
  }
  return plain;
}

// Python's int(text, base); nullopt where it raises ValueError.
Result<std::optional<Int>> parse_int(std::string_view given, Int base) {
  using Parsed = std::optional<Int>;
  if (base != 0 && (base < 2 || base > 36)) return Parsed();
  const std::string plain = plain_number(given);
  std::string_view text = plain;
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() > 2 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    const Int marked = mark == 'x' ? 16 : (mark == 'o' ? 8 : (mark == 'b' ? 2 : 0));
    if (marked != 0 && (base == marked || base == 0)) {
      text.remove_prefix(text[2] == '_' ? 3 : 2);
      base = marked;
    }
  }
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != std::string_view::npos) return Parsed();
    base = 10;
  }
  if (text.empty()) return Parsed();
  Int value = 0;
  bool may_underscore = false;
  for (const char c : text) {
    if (c == '_' && may_underscore) {
      may_underscore = false;
      continue;
    }
    const int digit = digit_value(c);
    if (digit >= base) return Parsed();
    may_underscore = true;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, Int{digit}, &value)) {
      return fail("an integer beyond 128 bits");
    }
  }
  if (!may_underscore) return Parsed();
  return Parsed(is_negative ? -value : value);
}

// Python's float(text).
std::optional<double> parse_float(std::string_view given) {
  const std::string text = plain_number(given);
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_between_digits =
        i > 0 && i + 1 < text.size() && digit_value(text[i - 1]) < 10 && digit_value(text[i + 1]) < 10;
    if (text[i] == '_' && is_between_digits) continue;
    plain += text[i];
  }
  const std::string lower = to_lower(plain);
  const std::string_view unsigned_text =
      std::string_view(lower).substr(lower.starts_with('-') || lower.starts_with('+') ? 1 : 0);
  const double sign = lower.starts_with('-') ? -1 : 1;
  if (unsigned_text == "inf" || unsigned_text == "infinity") return sign * HUGE_VAL;
  if (unsigned_text == "nan") return std::nan("");
  if (unsigned_text.empty() || unsigned_text.find_first_not_of("0123456789.e+-") != std::string_view::npos)
    return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  return *end == '\0' ? std::optional(value) : std::nullopt;
}

Result<Value> truncated(double value) {
  if (!(std::abs(value) < 1.7e38)) return fail("the float {} is too large for an integer", value);
  return Value(static_cast<Int>(value));
}

Result<Value> int_filter(Evaluator&, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("int", arguments, {"default", "base"}));
  const Value otherwise = bound[0] != nullptr ? *bound[0] : Value(0);
  if (input.is_undefined()) return Error{input.undefined_message()};
  if (input.is_integral()) return Value(input.as_int());
  if (input.is_float())
    return std::isfinite(input.as_double()) ? truncated(input.as_double()) : Result<Value>(otherwise);
  if (!input.is_string()) return otherwise;
  Int base = 10;
  if (bound[1] != nullptr) {
    TRY(base, want_int("int's base", *bound[1]));
  }
  TRY(const auto value, parse_int(input.text(), base));
  if (value) return Value(*value);
  const auto number = parse_float(input.text());  // "42.23"|int is 42
  return number && std::isfinite(*number) ? truncated(*number) : Result<Value>(otherwise);
}

Result<Value> float_filter(Evaluator&, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("float", arguments, {"default"}));
  const Value otherwise = bound[0] != nullptr ? *bound[0] : Value(0.0);
  if (input.is_undefined()) return Error{input.undefined_message()};
  if (input.is_number()) return Value(input.as_double());
  const auto number = input.is_string() ? parse_float(input.text()) : std::nullopt;
  return number ? Value(*number) : otherwise;
}

Result<Value> abs_filter(Evaluator&, const Value& input, const Arguments&) {
  if (input.is_undefined()) return Error{input.undefined_message()};
  if (input.is_float()) return Value(std::abs(input.as_double()));
  if (!input.is_number()) return fail("bad operand type for abs(): '{}'", input.type_name());
  return input.as_int() < 0 ? negative(input) : Value(input.as_int());
}

Result<Value> round_int(Int value, Int precision) {
  if (precision >= 0) return Value(value);
  if (precision < -37) return Value(0);
  Int unit = 1;
  for (Int i = 0; i > precision; --i) unit *= 10;
  Int rest = value % unit;
  if (rest < 0) rest += unit;
  const Int down = value - rest;
  const bool goes_up = rest * 2 > unit || (rest * 2 == unit && (down / unit) % 2 != 0);  // ties to even
  return Value(goes_up ? down + unit : down);
}

// Rounds the float's exact value correctly, as Python does.
double round_float(double value, Int precision) {
  if (!std::isfinite(value) || precision > 322) return value;
  if (precision < -308) return std::copysign(0.0, value);
  if (precision >= 0) return std::strtod(fmt::format("{:.{}f}", value, static_cast<int>(precision)).c_str(), nullptr);
  const long double unit = std::pow(10.0L, static_cast<long double>(-precision));
  return static_cast<double>(std::nearbyint(static_cast<long double>(value) / unit) * unit);
}

Result<Value> round_filter(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("round", arguments, {"precision", "method"}));
  Int precision = 0;
  const bool gives_int = bound[0] != nullptr && bound[0]->is_none();  // like Python's round(number, None)
  if (bound[0] != nullptr && !gives_int) {
    TRY(precision, want_int("round's precision", *bound[0]));
  }
  std::string_view method = "common";
  if (bound[1] != nullptr) {
    TRY(method, want_text("round's method", *bound[1]));
  }
  if (method != "common" && method != "ceil" && method != "floor")
    return fail("round's method must be common, ceil or floor");
  if (input.is_undefined()) return Error{input.undefined_message()};
  if (!input.is_number()) return fail("type {} cannot be rounded", input.type_name());
  if (method == "common") {
    if (!input.is_float()) return round_int(input.as_int(), precision);
    const double rounded = round_float(input.as_double(), precision);
    return gives_int ? truncated(rounded) : Value(rounded);
  }
  if (gives_int) return fail("round's precision must be an integer, not NoneType");
  TRY(const Value unit, binary(evaluator.runtime(), "**", Value(10), Value(precision)));
  TRY(const Value scaled, binary(evaluator.runtime(), "*", input, unit));
  const double number = scaled.as_double();
  if (!std::isfinite(number)) return fail("cannot round a number that is not finite");
  TRY(const Value whole, truncated(method == "ceil" ? std::ceil(number) : std::floor(number)));
  return binary(evaluator.runtime(), "/", whole, unit);
}

Result<Value> length_filter(Evaluator&, const Value& input, const Arguments&) {
  const auto size = length(input);
  if (!size) return fail("object of type '{}' has no len()", input.type_name());
  return Value(*size);
}

Result<Value> wordcount(Evaluator& evaluator, const Value& input, const Arguments&) {
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  int64_t words = 0;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    const bool is_word = c == '_' || is_alnum(c);
    words += is_word && !in_word ? 1 : 0;
    in_word = is_word;
  }
  return Value(words);
}

Result<Value> sum(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("sum", arguments, {"attribute", "start"}));
  Value total = bound[1] != nullptr ? *bound[1] : Value(0);
  if (total.is_string()) return fail("sum() cannot add strings");
  TRY(const auto items, iterate(evaluator.runtime(), input));
  for (const Value& item : items) {
    Value addend = item;
    if (bound[0] != nullptr && !bound[0]->is_none()) {
      TRY(addend, dotted_attribute(evaluator, item, *bound[0]));
    }
    TRY(total, binary(evaluator.runtime(), "+", total, addend));
  }
  return total;
}

constexpr std::array<NamedBuiltin, 8> kNumberFilters = {{
    {"int", int_filter},
    {"float", float_filter},
    {"abs", abs_filter},
    {"round", round_filter},
    {"length", length_filter},
    {"count", length_filter},
    {"wordcount", wordcount},
    {"sum", sum},
}};

}  // namespace

Builtin find_number_filter(std::string_view name) {
  const auto* at = std::ranges::find(kNumberFilters, name, &NamedBuiltin::name);
  return at != kNumberFilters.end() ? at->function : nullptr;
}

}  // namespace braid::jinja
