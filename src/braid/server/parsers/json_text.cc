#include "braid/server/parsers/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::parsers {

void append_json_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
}

bool JsonExtent::takes(char next) {
  if (in_string_) {
    if (is_escaped_) {
      is_escaped_ = false;
    } else if (next == '\\') {
      is_escaped_ = true;
    } else if (next == '"') {
      in_string_ = false;
      is_complete_ = depth_ == 0;
    }
    return true;
  }
  if (next == '<') return false;  // it is in no JSON, but in every closing tag
  if (is_word_ && (next == '{' || next == '[' || next == '"')) return false;
  switch (next) {
    case '"':
      in_string_ = true;
      break;
    case '{':
    case '[':
      ++depth_;
      break;
    case '}':
    case ']':
      if (depth_ == 0) return false;
      is_complete_ = --depth_ == 0;
      break;
    case ',':
    case ':':
    case ' ':
    case '\t':
    case '\n':
    case '\r':
      if (depth_ == 0) return false;
      break;
    default:
      is_word_ = is_word_ || !has_begun_;
  }
  has_begun_ = true;
  return true;
}

void JsonStringDecoder::flush(std::string& out) {
  if (high_surrogate_ != 0) unicode::append_code_point(unicode::kReplacement, out);
  high_surrogate_ = 0;
  out += escape_;
  escape_.clear();
}

void JsonStringDecoder::end_escape(std::string& out) {
  const char kind = escape_[1];
  if (kind == 'u') {
    uint32_t unit = 0;
    std::from_chars(escape_.data() + 2, escape_.data() + escape_.size(), unit, 16);
    escape_.clear();
    if (high_surrogate_ != 0 && unit >= 0xDC00 && unit < 0xE000) {
      unicode::append_code_point(0x10000 + ((high_surrogate_ - 0xD800) << 10) + (unit - 0xDC00), out);
      high_surrogate_ = 0;
      return;
    }
    flush(out);
    if (unit >= 0xD800 && unit < 0xDC00) {
      high_surrogate_ = unit;
    } else {
      unicode::append_code_point(unit >= 0xDC00 && unit < 0xE000 ? unicode::kReplacement : unit, out);
    }
    return;
  }
  constexpr std::string_view kKinds = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const size_t known = kKinds.find(kind);
  if (known != std::string_view::npos) {
    escape_.clear();
    flush(out);
    out += kValues[known];
  } else {
    flush(out);
  }
}

bool JsonStringDecoder::add(char next, std::string& out) {
  if (escape_.empty()) {
    if (next == '\\') {
      escape_ = next;
      return false;
    }
    flush(out);
    if (next == '"') return true;
    out += next;
    return false;
  }
  if (escape_.size() == 1) {
    escape_ += next;
    if (next != 'u') end_escape(out);
    return false;
  }
  const bool is_hex = (next >= '0' && next <= '9') || (next >= 'a' && next <= 'f') || (next >= 'A' && next <= 'F');
  if (!is_hex) {
    flush(out);
    return add(next, out);
  }
  escape_ += next;
  if (escape_.size() == 6) end_escape(out);
  return false;
}

}  // namespace braid::parsers
