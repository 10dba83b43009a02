// The escapes of a string literal, as in Python's "unicode-escape": an unknown escape stays unchanged.
#include <string>
#include <string_view>

#include "braid/tokenizer/jinja/lexer.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

// The character of the escape `c`; "" if it is not a one-character escape.
std::string_view simple_escape(char c) {
  switch (c) {
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case 'r':
      return "\r";
    case '\\':
      return "\\";
    case '\'':
      return "'";
    case '"':
      return "\"";
    case 'a':
      return "\a";
    case 'b':
      return "\b";
    case 'f':
      return "\f";
    case 'v':
      return "\v";
    default:
      return "";
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

Result<std::string> unescape_string(std::string_view body, int32_t line) {
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i];
      continue;
    }
    const char c = body[++i];
    if (c == '\n') continue;
    if (const auto simple = simple_escape(c); !simple.empty()) {
      out += simple;
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      size_t end = i;
      while (end < body.size() && end < i + 3 && body[end] >= '0' && body[end] <= '7') {
        code = code * 8 + static_cast<char32_t>(body[end++] - '0');
      }
      append_char(out, code);
      i = end - 1;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t num_digits = c == 'x' ? 2 : (c == 'u' ? 4 : 8);
      char32_t code = 0;
      for (size_t k = 1; k <= num_digits; ++k) {
        const int digit = i + k < body.size() ? hex_value(body[i + k]) : -1;
        if (digit < 0) return error_at(line, fmt::format("a string has a broken \\{} escape", c));
        code = (code << 4) | static_cast<char32_t>(digit);
      }
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return error_at(line, "a string has an escape that is no character");
      }
      append_char(out, code);
      i += num_digits;
    } else if (c == 'N') {
      return error_at(line, "\\N{…} escapes are not supported");
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace braid::jinja
