// "{} {name!r} {0:>8.2f}".format(…): the fields and the format specifications of Python.
#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

class BraceFormatter {
 public:
  BraceFormatter(Evaluator& evaluator, const Arguments& arguments) : evaluator_(evaluator), arguments_(arguments) {}

  Result<std::string> run(std::string_view format) {
    std::string out;
    for (size_t at = 0; at < format.size();) {
      const char c = format[at++];
      if (c != '{' && c != '}') {
        out += c;
        continue;
      }
      if (at < format.size() && format[at] == c) {
        out += c;
        ++at;
        continue;
      }
      if (c == '}') return fail("Single '}}' encountered in format string");
      const size_t end = format.find('}', at);
      if (end == std::string_view::npos) return fail("expected '}}' before end of string");
      TRY(const std::string text, field(format.substr(at, end - at)));
      out += text;
      TRY_STATUS(evaluator_.runtime().check_size(static_cast<Int>(out.size())));
      at = end + 1;
    }
    return out;
  }

 private:
  Result<std::string> field(std::string_view text) {
    if (text.find('{') != std::string_view::npos) return fail("nested fields in a format are not supported");
    const size_t colon = text.find(':');
    const std::string_view spec = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    std::string_view name = text.substr(0, colon);
    char conversion = '\0';
    if (const size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != name.size()) return fail("a conversion in a format is one character");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    TRY(Value value, argument(name));
    if (conversion == '\0') return formatted(value, spec);
    if (conversion != 'r' && conversion != 's') return fail("unknown conversion '{}' in a format", conversion);
    TRY(std::string shown,
        conversion == 'r' ? to_repr(evaluator_.runtime(), value) : to_text(evaluator_.runtime(), value));
    TRY(value, evaluator_.runtime().string(std::move(shown)));
    return formatted(value, spec);
  }

  Result<Value> argument(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    TRY(Value value, base(name.substr(0, end)));
    for (name.remove_prefix(end); !name.empty();) {
      const bool is_item = name[0] == '[';
      const size_t stop = std::min(is_item ? name.find(']') : name.find_first_of(".[", 1), name.size());
      const std::string key(name.substr(1, stop - 1));
      name.remove_prefix(std::min(stop + (is_item ? 1 : 0), name.size()));
      const bool is_number =
          !key.empty() && key.size() < 10 && std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; });
      TRY(value, is_item && is_number ? evaluator_.item(value, Value(std::stoi(key)))
                                      : evaluator_.item(value, Value::constant(key)));
    }
    return value;
  }

  Result<Value> base(std::string_view name) {
    const bool is_number = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    if (is_number && name.size() < 10) {
      (name.empty() ? counts_fields_ : numbers_fields_) = true;
      if (counts_fields_ && numbers_fields_) return fail("a format cannot mix numbered fields with counted ones");
      const size_t at = name.empty() ? next_++ : static_cast<size_t>(std::stoi(std::string(name)));
      if (at >= arguments_.positional.size()) return fail("Replacement index {} out of range for positional args", at);
      return arguments_.positional[at];
    }
    for (const auto& [known, value] : arguments_.named) {
      if (known == name) return value;
    }
    return fail("the format names '{}', which is not given", name);
  }

  Result<std::string> formatted(const Value& value, std::string_view spec) {
    if (spec.empty()) return to_text(evaluator_.runtime(), value);
    if (!value.is_number() && !value.is_string())
      return fail("unsupported format string passed to {}", value.type_name());
    // fmt reads Python's specifications; only their order is checked here, and that no width asks for gigabytes.
    size_t digits = 0;
    for (const char c : spec) {
      digits = c >= '0' && c <= '9' ? digits + 1 : 0;
      if (digits > 4 || c == '{' || c == '}') return fail("the format specification '{}' is not supported", spec);
    }
    if (value.is_string()) return text_field(value, spec);
    return number_field(value, spec);
  }

  struct Spec {
    char32_t fill = ' ';
    char align = '\0';
    std::string sign;
    bool zero = false;
    bool grouped = false;
    size_t width = 0;
    std::optional<size_t> precision;
    char type = '\0';
  };

  static Result<Spec> parse(std::string_view text) {
    Spec spec;
    const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
    size_t after_fill = 0;
    const char32_t fill = next_char(text, after_fill);
    if (after_fill < text.size() && is_align(text[after_fill])) {
      spec.fill = fill;
      spec.align = text[after_fill];
      text.remove_prefix(after_fill + 1);
    } else if (is_align(text[0])) {
      spec.align = text[0];
      text.remove_prefix(1);
    }
    const auto take = [&](char c) { return text.starts_with(c) && (text.remove_prefix(1), true); };
    const auto number = [&] {
      size_t value = 0;
      for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1))
        value = value * 10 + static_cast<size_t>(text[0] - '0');
      return value;
    };
    if (take('+'))
      spec.sign = "+";
    else if (take(' '))
      spec.sign = " ";
    else
      take('-');
    spec.zero = take('0');
    spec.width = number();
    spec.grouped = take(',');
    if (take('.')) spec.precision = number();
    if (!text.empty()) {
      spec.type = text[0];
      text.remove_prefix(1);
    }
    if (!text.empty()) return fail("Invalid format specifier");
    return spec;
  }

  static std::string padded(const Spec& spec, const std::string& sign, const std::string& body, char align) {
    const auto size = static_cast<size_t>(count_chars(body)) + sign.size();
    const size_t missing = spec.width > size ? spec.width - size : 0;
    std::string fill;
    append_char(fill, spec.fill);
    const auto pad = [&](size_t n) {
      std::string out;
      for (size_t i = 0; i < n; ++i) out += fill;
      return out;
    };
    if (align == '<') return sign + body + pad(missing);
    if (align == '^') return pad(missing / 2) + sign + body + pad(missing - missing / 2);
    if (align == '=') return sign + pad(missing) + body;
    return pad(missing) + sign + body;
  }

  Result<std::string> text_field(const Value& value, std::string_view text) {
    TRY(const Spec spec, parse(text));
    if ((spec.type != '\0' && spec.type != 's') || spec.align == '=' || spec.grouped || !spec.sign.empty()) {
      return fail("the format specification '{}' is not for strings", text);
    }
    std::string body = value.text();
    if (spec.precision) body.resize(offset_of_char(body, static_cast<int64_t>(*spec.precision)));
    return padded(spec, "", body, spec.align == '\0' ? '<' : spec.align);
  }

  Result<std::string> number_field(const Value& value, std::string_view text) {
    TRY(Spec spec, parse(text));
    const bool is_float = value.is_float() || std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
    std::string body;
    bool is_negative = false;
    if (is_float && spec.type != '\0') {
      const double number = value.as_double() * (spec.type == '%' ? 100 : 1);
      is_negative = number < 0;
      const std::string inner =
          "{:." + std::to_string(spec.precision.value_or(6)) + (spec.type == '%' ? 'f' : spec.type) + "}";
      if (std::string_view("eEfFgG%").find(spec.type) == std::string_view::npos)
        return fail("Unknown format code for a float");
      body = fmt::format(fmt::runtime(inner), is_negative ? -number : number) + (spec.type == '%' ? "%" : "");
    } else if (is_float) {
      is_negative = value.as_double() < 0;
      body = spec.precision ? fmt::format(fmt::runtime("{:." + std::to_string(*spec.precision) + "g}"),
                                          std::abs(value.as_double()))
                            : python_repr(is_negative ? -value.as_double() : value.as_double());
    } else {
      if (spec.type != '\0' && std::string_view("dxXob").find(spec.type) == std::string_view::npos)
        return fail("Unknown format code for an int");
      if (value.as_int() > INT64_MAX || value.as_int() < -INT64_MAX) return fail("an integer too large to format");
      const auto number = static_cast<int64_t>(value.as_int());
      is_negative = number < 0;
      body = fmt::format(fmt::runtime(std::string("{:") + (spec.type == '\0' ? 'd' : spec.type) + "}"),
                         is_negative ? -number : number);
    }
    if (spec.grouped) group(body);
    if (spec.zero && spec.align == '\0') {
      spec.fill = '0';
      spec.align = '=';
    }
    return padded(spec, is_negative ? "-" : spec.sign, body, spec.align == '\0' ? '>' : spec.align);
  }

  static void group(std::string& body) {
    const size_t whole = std::min(body.find_first_not_of("0123456789"), body.size());
    for (size_t at = whole; at > 3; at -= 3) body.insert(at - 3, ",");
  }

  Evaluator& evaluator_;
  const Arguments& arguments_;
  size_t next_ = 0;
  bool counts_fields_ = false;   // {}
  bool numbers_fields_ = false;  // {0}
};

}  // namespace

Result<Value> format_braces(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(std::string text, BraceFormatter(evaluator, arguments).run(input.text()));
  return evaluator.runtime().string(std::move(text));
}

}  // namespace braid::jinja
