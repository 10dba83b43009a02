#include "braid/tokenizer/jinja/format_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

bool is_align(char c) {
  return c == '<' || c == '>' || c == '^' || c == '=';
}

class SpecReader {
 public:
  explicit SpecReader(std::string_view text) : text_(text), rest_(text) {}

  Result<FormatSpec> read() {
    FormatSpec spec;
    const bool has_fill = read_alignment(spec);
    spec.sign = take_one_of("+- ");
    spec.alternate = take_one_of("#") != '\0';
    if (!has_fill && take_one_of("0") != '\0') {
      spec.fill = '0';
      has_zero_ = true;
    }
    TRY(spec.width, number());
    spec.grouping = take_one_of(",_");
    if (take_one_of(".") != '\0') {
      if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') return broken();
      TRY(spec.precision, number());
    }
    if (!rest_.empty()) spec.type = take();
    if (!rest_.empty()) return broken();
    // Zeros go after the sign of a number, and after a text.
    if (has_zero_ && spec.align == '\0') spec.align = '0';
    return spec;
  }

 private:
  bool read_alignment(FormatSpec& spec) {
    if (rest_.empty()) return false;
    size_t after_fill = 0;
    const char32_t fill = next_char(rest_, after_fill);
    if (after_fill < rest_.size() && is_align(rest_[after_fill])) {
      spec.fill = fill;
      spec.align = rest_[after_fill];
      rest_.remove_prefix(after_fill + 1);
      return true;
    }
    if (is_align(rest_[0])) spec.align = take();
    return false;
  }

  char take() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }
  char take_one_of(std::string_view chars) {
    return !rest_.empty() && chars.find(rest_[0]) != std::string_view::npos ? take() : '\0';
  }

  Result<size_t> number() {
    size_t value = 0;
    for (int digits = 0; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; ++digits) {
      if (digits == 4) return fail("the format specification '{}' asks for more than 9999", text_);
      value = value * 10 + static_cast<size_t>(take() - '0');
    }
    return value;
  }

  Error broken() const { return fail("'{}' is no format specification", text_); }

  std::string_view text_;
  std::string_view rest_;
  bool has_zero_ = false;
};

// The parts of a number's text.
struct NumberParts {
  bool is_negative = false;
  std::string prefix;  // 0x, 0o, 0b
  std::string digits;  // before the point
  std::string rest;    // starting at the point or the exponent
};

// Inserts separators from the right, and leading zeros up to `min_size` characters.
std::string grouped(std::string digits, char separator, size_t every, size_t min_size) {
  const auto size_with_separators = [&] { return digits.size() + (digits.size() - 1) / every; };
  while (!digits.empty() && size_with_separators() < min_size) digits.insert(0, 1, '0');
  for (size_t at = digits.size(); at > every; at -= every) digits.insert(at - every, 1, separator);
  return digits;
}

std::string filled(size_t count, char32_t fill) {
  std::string out;
  for (size_t i = 0; i < count; ++i) append_char(out, fill);
  return out;
}

std::string padded(const FormatSpec& spec, const std::string& head, const std::string& body, char align) {
  const auto size = static_cast<size_t>(count_chars(body)) + head.size();
  const size_t missing = spec.width > size ? spec.width - size : 0;
  if (align == '<') return head + body + filled(missing, spec.fill);
  if (align == '^') return filled(missing / 2, spec.fill) + head + body + filled(missing - missing / 2, spec.fill);
  if (align == '=') return head + filled(missing, spec.fill) + body;
  return filled(missing, spec.fill) + head + body;
}

std::string number_text(const FormatSpec& spec, const NumberParts& parts) {
  std::string head = parts.is_negative ? "-" : (spec.sign == '+' || spec.sign == ' ' ? std::string(1, spec.sign) : "");
  head += parts.prefix;
  const bool has_zeros = spec.align == '0' || (spec.align == '=' && spec.fill == '0');
  std::string digits = parts.digits;
  if (spec.grouping != '\0') {
    const bool is_decimal = spec.type != 'x' && spec.type != 'X' && spec.type != 'o' && spec.type != 'b';
    const size_t taken = head.size() + parts.rest.size();
    digits =
        grouped(digits, spec.grouping, is_decimal ? 3 : 4, has_zeros && spec.width > taken ? spec.width - taken : 0);
  }
  const char align = spec.align == '\0' ? '>' : (spec.align == '0' ? '=' : spec.align);
  return padded(spec, head, digits + parts.rest, align);
}

std::string digits_of(Int value, int base, bool is_upper_case) {
  std::string digits;
  for (Int left = value; left != 0 || digits.empty(); left /= base) {
    const int digit = static_cast<int>(left % base < 0 ? -(left % base) : left % base);
    digits += (is_upper_case ? "0123456789ABCDEF" : "0123456789abcdef")[digit];
  }
  std::ranges::reverse(digits);
  return digits;
}

Result<std::string> format_character(Int code, const FormatSpec& spec) {
  if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return fail("%c arg not in range(0x110000)");
  if (spec.sign != '\0' || spec.alternate || spec.grouping != '\0') {
    return fail("a sign, '#' or grouping is not allowed with the format code 'c'");
  }
  std::string text;
  append_char(text, static_cast<char32_t>(code));
  return padded(spec, "", text, spec.align == '\0' || spec.align == '0' ? '>' : spec.align);
}

Result<std::string> format_int(Int value, const FormatSpec& spec) {
  if (spec.precision) return fail("Precision not allowed in integer format specifier");
  if (spec.type == 'c') return format_character(value, spec);
  const char type = spec.type == '\0' || spec.type == 'n' ? 'd' : spec.type;
  if (spec.grouping != '\0' && (spec.type == 'n' || (spec.grouping == ',' && type != 'd'))) {
    return fail("Cannot specify '{}' with '{}'.", spec.grouping, spec.type);
  }
  const int base = type == 'd' ? 10 : (type == 'o' ? 8 : (type == 'b' ? 2 : 16));
  NumberParts parts{.is_negative = value < 0, .digits = digits_of(value, base, type == 'X')};
  if (spec.alternate && type != 'd') parts.prefix = std::string("0") + type;
  return number_text(spec, parts);
}

// Like 'g', but with a digit after the point, so the exponent form starts one digit earlier.
std::string general_with_point(double value, size_t precision) {
  precision = std::max<size_t>(precision, 1);
  const std::string scientific = fmt::format("{:.{}e}", value, precision - 1);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent < -4 || exponent + 1 > static_cast<int>(precision) - 1) {
    std::string mantissa = scientific.substr(0, scientific.find('e'));
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.ends_with('.')) mantissa.pop_back();
    }
    return mantissa + scientific.substr(scientific.find('e'));
  }
  const std::string general = fmt::format("{:.{}g}", value, precision);
  return general.find('.') == std::string::npos ? general + ".0" : general;
}

Result<std::string> format_float(double value, const FormatSpec& spec) {
  if (spec.grouping != '\0' && spec.type == 'n') return fail("Cannot specify '{}' with 'n'.", spec.grouping);
  const bool is_negative = std::signbit(value) && !std::isnan(value);
  double number = std::abs(value);
  if (spec.type == '%') number *= 100;
  std::string text;
  if (spec.type == '\0') {
    text =
        !spec.precision || !std::isfinite(number) ? python_repr(number) : general_with_point(number, *spec.precision);
  } else {
    const char type = spec.type == '%' ? 'f' : (spec.type == 'n' ? 'g' : spec.type);
    const std::string pattern =
        fmt::format("{{:{}.{}{}}}", spec.alternate ? "#" : "", spec.precision.value_or(6), type);
    text = fmt::format(fmt::runtime(pattern), number);
  }
  if (spec.type == '%') text += '%';
  const size_t whole = std::min(text.find_first_not_of("0123456789"), text.size());
  return number_text(
      spec, {.is_negative = is_negative, .prefix = {}, .digits = text.substr(0, whole), .rest = text.substr(whole)});
}

Result<std::string> format_text(std::string text, const FormatSpec& spec) {
  if (spec.type != '\0' && spec.type != 's') return fail("Unknown format code '{}' for a string", spec.type);
  if (spec.sign != '\0') return fail("Sign not allowed in string format specifier");
  if (spec.alternate) return fail("Alternate form (#) not allowed in string format specifier");
  if (spec.align == '=') return fail("'=' alignment not allowed in string format specifier");
  if (spec.grouping != '\0') return fail("Cannot specify '{}' with 's'.", spec.grouping);
  if (spec.precision) text.resize(offset_of_char(text, static_cast<int64_t>(*spec.precision)));
  return padded(spec, "", text, spec.align == '\0' || spec.align == '0' ? '<' : spec.align);
}

}  // namespace

Result<FormatSpec> parse_format_spec(std::string_view text) {
  return SpecReader(text).read();
}

Result<std::string> format_with_spec(const Value& value, const FormatSpec& spec) {
  if (value.is_string()) return format_text(value.text(), spec);
  constexpr std::string_view kFloatTypes = "eEfFgG%";
  constexpr std::string_view kIntTypes = "bcdoxXn";
  const bool has_float_type = spec.type != '\0' && kFloatTypes.find(spec.type) != std::string_view::npos;
  const bool has_int_type = spec.type != '\0' && kIntTypes.find(spec.type) != std::string_view::npos;
  if (value.is_float() && (spec.type == '\0' || spec.type == 'n' || has_float_type)) {
    return format_float(value.as_double(), spec);
  }
  if (value.is_integral() && has_float_type) return format_float(value.as_double(), spec);
  if (value.is_integral() && (spec.type == '\0' || has_int_type)) return format_int(value.as_int(), spec);
  return fail("Unknown format code '{}' for a value of type '{}'", spec.type, value.type_name());
}

}  // namespace braid::jinja
