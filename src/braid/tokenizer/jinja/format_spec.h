// Python's format specifications: the part after the colon of "{:>8.2f}".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct FormatSpec {
  char32_t fill = ' ';
  char align = '\0';  // < > ^ =
  char sign = '\0';   // + - or a space
  bool alternate = false;
  size_t width = 0;
  char grouping = '\0';  // , or _
  std::optional<size_t> precision;
  char type = '\0';
};

// Widths and precisions above 9999 are errors: they could ask for gigabytes.
Result<FormatSpec> parse_format_spec(std::string_view text);

// `value` is a string, an integer (or bool) or a float.
Result<std::string> format_with_spec(const Value& value, const FormatSpec& spec);

}  // namespace braid::jinja
