// "{} {name!r} {0:>8.2f}".format(…): the fields of Python's format strings.
#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/format_spec.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

class BraceFormatter {
 public:
  BraceFormatter(Evaluator& evaluator, const Arguments& arguments) : evaluator_(evaluator), arguments_(arguments) {}

  Result<std::string> run(std::string_view format, bool is_nested = false) {
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
      const size_t end = end_of_field(format, at);
      if (end == std::string_view::npos) return fail("expected '}}' before end of string");
      TRY(const std::string text, field(format.substr(at, end - at), is_nested));
      out += text;
      TRY_STATUS(evaluator_.runtime().check_size(static_cast<Int>(out.size())));
      at = end + 1;
    }
    return out;
  }

 private:
  static size_t end_of_field(std::string_view format, size_t at) {
    for (int32_t depth = 0; at < format.size(); ++at) {
      if (format[at] == '{') ++depth;
      if (format[at] == '}' && depth-- == 0) return at;
    }
    return std::string_view::npos;
  }

  Result<std::string> field(std::string_view text, bool is_nested) {
    const size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    if (name.find('{') != std::string_view::npos) return fail("unexpected '{{' in field name");
    char conversion = '\0';
    if (const size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != name.size()) return fail("a conversion in a format is one character");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    TRY(Value value, argument(name));
    std::string spec(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    if (spec.find('{') != std::string::npos) {
      if (is_nested) return fail("Max string recursion exceeded");
      TRY(spec, run(spec, true));
    }
    if (conversion == '\0') return formatted(value, spec);
    if (conversion != 'r' && conversion != 's' && conversion != 'a') {
      return fail("unknown conversion '{}' in a format", conversion);
    }
    Runtime& runtime = evaluator_.runtime();
    TRY(std::string shown, conversion == 's' ? to_text(runtime, value) : to_repr(runtime, value));
    if (conversion == 'a') shown = ascii_only(shown);
    TRY(value, runtime.string(std::move(shown)));
    return formatted(value, spec);
  }

  Result<Value> argument(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    TRY(Value value, base(name.substr(0, end)));
    for (name.remove_prefix(end); !name.empty();) {
      const bool is_item = name[0] == '[';
      if (!is_item && name[0] != '.') return fail("Only '.' or '[' may follow ']' in format field specifier");
      const size_t stop = is_item ? name.find(']') : std::min(name.find_first_of(".[", 1), name.size());
      if (stop == std::string_view::npos) return fail("Missing ']' in format string");
      const std::string key(name.substr(1, stop - 1));
      if (key.empty()) return fail("Empty attribute in format string");
      name.remove_prefix(stop + (is_item ? 1 : 0));
      const bool is_number = key.size() < 10 && std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; });
      if (is_item) {
        TRY(value, evaluator_.item(value, is_number ? Value(std::stoi(key)) : Value::constant(key)));
      } else {
        TRY(value, evaluator_.attribute(value, key));
      }
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

  Result<std::string> formatted(const Value& value, std::string_view text) {
    if (text.empty()) return to_text(evaluator_.runtime(), value);
    if (!value.is_number() && !value.is_string()) {
      return fail("unsupported format string passed to {}.__format__", value.type_name());
    }
    TRY(const FormatSpec spec, parse_format_spec(text));
    return format_with_spec(value, spec);
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
