// + - * / // % ** as in Python: integer division floors, strings and lists repeat. Overflow is an error.
#include <algorithm>
#include <cmath>

#include "braid/tokenizer/jinja/operators.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

Error overflow() {
  return fail("an integer grows beyond 128 bits");
}

Error unsupported(std::string_view op, const Value& a, const Value& b) {
  return fail("unsupported operand types for {}: '{}' and '{}'", op, a.type_name(), b.type_name());
}

Result<Value> int_power(Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) return fail("0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Int result = 1;
  for (Int left = exponent; left > 0;) {
    if ((left & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow();
    left >>= 1;
    if (left > 0 && __builtin_mul_overflow(base, base, &base)) return overflow();
  }
  return Value(result);
}

Int floor_divide(Int a, Int b) {
  const Int quotient = a / b;
  return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

Result<Value> with_ints(std::string_view op, Int a, Int b) {
  Int result = 0;
  if (op == "+") return __builtin_add_overflow(a, b, &result) ? Result<Value>(overflow()) : Value(result);
  if (op == "-") return __builtin_sub_overflow(a, b, &result) ? Result<Value>(overflow()) : Value(result);
  if (op == "*") return __builtin_mul_overflow(a, b, &result) ? Result<Value>(overflow()) : Value(result);
  if (op == "**") return int_power(a, b);
  if (b == 0) return fail("division by zero");
  if (op == "/") return Value(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
  if (b == -1) {  // the only divisor whose quotient can overflow
    if (op == "%") return Value(0);
    return __builtin_sub_overflow(Int{0}, a, &result) ? Result<Value>(overflow()) : Value(result);
  }
  const Int quotient = floor_divide(a, b);
  return Value(op == "//" ? quotient : a - quotient * b);
}

// The result has the sign of the divisor, as in Python.
double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  if ((rest < 0) != (b < 0)) rest += b;
  return rest;
}

double float_floor_divide(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Result<Value> with_floats(std::string_view op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) return fail("0.0 cannot be raised to a negative power");
    const double result = std::pow(a, b);
    if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) return fail("a power that is a complex number");
    if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) return fail("a power too large for a float");
    return Value(result);
  }
  if (b == 0) return fail("float division by zero");
  if (op == "/") return Value(a / b);
  return Value(op == "//" ? float_floor_divide(a, b) : float_modulo(a, b));
}

Result<Value> repeat(Runtime& runtime, const Value& value, Int count) {
  count = std::max<Int>(count, 0);
  const auto size = static_cast<Int>(value.is_string() ? value.text().size() : value.as_sequence().items.size());
  if (size == 0) count = 0;
  if (count > Int{1} << 62 || size * count > Int{1} << 62) return fail("a repetition is too long");
  if (value.is_string()) {
    TRY_STATUS(runtime.check_size(size * count));
    std::string out;
    out.reserve(static_cast<size_t>(size * count));
    for (Int i = 0; i < count; ++i) out += value.text();
    return runtime.string(std::move(out), value.as_string().is_markup);
  }
  TRY_STATUS(runtime.check_size(size * count * static_cast<Int>(sizeof(Value))));
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(size * count));
  for (Int i = 0; i < count; ++i)
    items.insert(items.end(), value.as_sequence().items.begin(), value.as_sequence().items.end());
  return runtime.sequence(std::move(items), value.as_sequence().kind);
}

bool is_repeatable(const Value& value) {
  return value.is_string() || value.is_sequence(SequenceKind::kList) || value.is_sequence(SequenceKind::kTuple);
}

Result<Value> add_texts(Runtime& runtime, const String& a, const String& b) {
  TRY_STATUS(runtime.check_size(static_cast<Int>(a.text.size()) + static_cast<Int>(b.text.size())));
  if (a.is_markup == b.is_markup) return runtime.string(a.text + b.text, a.is_markup);
  return runtime.string(a.is_markup ? a.text + html_escape(b.text) : html_escape(a.text) + b.text, true);
}

}  // namespace

Result<Value> negative(const Value& value) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  if (value.is_float()) return Value(-value.as_double());
  if (value.is_number()) return with_ints("-", 0, value.as_int());
  return fail("bad operand type for unary -: '{}'", value.type_name());
}

Result<Value> binary(Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  if (op == "%" && a.is_string()) return format_percent(runtime, a, b);
  if (a.is_undefined() || b.is_undefined()) return Error{(a.is_undefined() ? a : b).undefined_message()};
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return with_floats(op, a.as_double(), b.as_double());
    return with_ints(op, a.as_int(), b.as_int());
  }
  if (op == "+") {
    if (a.is_string() && b.is_string()) return add_texts(runtime, a.as_string(), b.as_string());
    for (const auto kind : {SequenceKind::kList, SequenceKind::kTuple}) {
      if (!a.is_sequence(kind) || !b.is_sequence(kind)) continue;
      auto items = a.as_sequence().items;
      items.insert(items.end(), b.as_sequence().items.begin(), b.as_sequence().items.end());
      return runtime.sequence(std::move(items), kind);
    }
  }
  if (op == "*") {
    if (is_repeatable(a) && b.is_integral()) return repeat(runtime, a, b.as_int());
    if (is_repeatable(b) && a.is_integral()) return repeat(runtime, b, a.as_int());
  }
  return unsupported(op, a, b);
}

}  // namespace braid::jinja
