// The lexer alternates between text and the inside of tags. Its rules are the regexes of jinja2/lexer.py.
#include "braid/tokenizer/jinja/lexer.h"

#include <array>
#include <cstdlib>
#include <optional>

#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

Error error_at(int32_t line, const std::string& message) {
  return fail("line {}: {}", line, message);
}

std::string Token::describe() const {
  switch (kind) {
    case TokenKind::kText:
      return "text";
    case TokenKind::kPrintBegin:
      return "'{{'";
    case TokenKind::kPrintEnd:
      return "'}}'";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return "a number";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return "'" + text + "'";
  }
}

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// Line ends become \n. A line end at the end of the source is dropped.
std::string normalize_lines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_lines(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) TRY_STATUS(text_and_tag());
    push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool sees(std::string_view what) const { return rest().starts_with(what); }

  void push(TokenKind kind, std::string text) {
    Token token;
    token.kind = kind;
    token.line = line_;
    token.text = std::move(text);
    tokens_.push_back(std::move(token));
  }

  void advance(size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) line_ += source_[at_ + i] == '\n' ? 1 : 0;
    at_ += bytes;
  }

  void skip_space() { advance(rest().size() - strip_left(rest()).size()); }

  char sign_at(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }

  // The text before a tag, after stripping by `sign` and lstrip_blocks.
  std::string_view trimmed(std::string_view text, char sign, bool is_print) const {
    if (sign == '-') return strip_right(text);
    if (sign == '+' || is_print) return text;
    const size_t line_start = text.rfind('\n') + 1;  // npos + 1 is 0
    if (line_start == 0 && !is_line_start_) return text;
    const auto last_line = text.substr(line_start);
    return strip_left(last_line).empty() ? text.substr(0, line_start) : text;
  }

  void push_text(size_t end, std::string_view kept) {
    if (!kept.empty()) push(TokenKind::kText, std::string(kept));
    advance(end - at_);
  }

  Status text_and_tag() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        push_text(source_.size(), rest());
        return {};
      }
      const char kind = source_[tag + 1];
      if (kind == '{' || kind == '%' || kind == '#') break;
      ++tag;
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    push_text(tag, trimmed(rest().substr(0, tag - at_), sign, kind == '{'));
    const size_t begin = 2 + (sign != '\0' ? 1 : 0);
    if (kind == '#') return comment(begin);
    if (kind == '%') {
      if (const auto length = raw_tag(begin, "raw")) return raw(*length);
    }
    push(kind == '{' ? TokenKind::kPrintBegin : TokenKind::kBlockBegin, "");
    advance(begin);
    return inside(kind == '{');
  }

  // If a tag's end ("%}", "#}" or "}}") is at the cursor: consumes it, and the white space that it strips.
  bool end_of_tag(std::string_view end, bool trims_newline) {
    const char sign = sign_at(at_);
    if (sign == '-' && rest().substr(1).starts_with(end)) {
      advance(1 + end.size());
      skip_space();
    } else if (sign == '+' && trims_newline && rest().substr(1).starts_with(end)) {
      advance(1 + end.size());
    } else if (sees(end)) {
      advance(end.size());
      if (trims_newline && sees("\n")) advance(1);
    } else {
      return false;
    }
    is_line_start_ = at_ > 0 && source_[at_ - 1] == '\n';
    return true;
  }

  Status comment(size_t begin) {
    const int32_t line = line_;
    // A sign before `#}` belongs to the comment's end.
    const size_t close = source_.find("#}", at_ + begin);
    if (close == std::string::npos) return error_at(line, "missing end of comment tag '#}'");
    const bool has_sign = close > at_ + begin && sign_at(close - 1) != '\0';
    advance(close - at_ - (has_sign ? 1 : 0));
    end_of_tag("#}", true);
    return {};
  }

  // The length of "{%- name" at the cursor up to the tag's end ("-%}"), which is excluded. Nothing if it is another
  // tag.
  std::optional<size_t> raw_tag(size_t begin, std::string_view name) const {
    auto tail = strip_left(rest().substr(begin));
    if (!tail.starts_with(name)) return std::nullopt;
    tail = strip_left(tail.substr(name.size()));
    const bool has_sign = !tail.empty() && (tail[0] == '-' || (tail[0] == '+' && name == "endraw"));
    if (!tail.substr(has_sign ? 1 : 0).starts_with("%}")) return std::nullopt;
    return rest().size() - tail.size();
  }

  Status raw(size_t length) {
    const int32_t line = line_;
    advance(length);
    end_of_tag("%}", false);  // `raw` keeps the newline after it
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      const auto saved = at_;
      at_ = tag;
      const auto end = raw_tag(sign != '\0' ? 3 : 2, "endraw");
      at_ = saved;
      if (!end) continue;
      push_text(tag, trimmed(rest().substr(0, tag - at_), sign, false));
      advance(*end);
      end_of_tag("%}", true);
      return {};
    }
    return error_at(line, "missing end of raw directive");
  }

  Status inside(bool is_print) {
    const int32_t line = line_;
    std::string open;  // brackets
    while (true) {
      skip_space();
      if (at_ >= source_.size()) {
        return error_at(line, is_print ? "a '{{' without '}}'" : "a '{%' without '%}'");
      }
      if (open.empty()) {
        const size_t before = at_;
        const int32_t end_line = line_;
        if (end_of_tag(is_print ? "}}" : "%}", !is_print)) {
          push(is_print ? TokenKind::kPrintEnd : TokenKind::kBlockEnd, "");
          tokens_.back().line = end_line;
          if (before == at_) return error_at(line_, "empty tag end");
          return {};
        }
      }
      const char c = source_[at_];
      if (is_digit(c)) {
        TRY_STATUS(number());
      } else if (is_name_start(c)) {
        name();
      } else if (c == '"' || c == '\'') {
        TRY_STATUS(string(c));
      } else {
        TRY_STATUS(operation(open));
      }
    }
  }

  void name() {
    size_t length = 0;
    while (at_ + length < source_.size() && (is_name_start(source_[at_ + length]) || is_digit(source_[at_ + length]))) {
      ++length;
    }
    push(TokenKind::kName, source_.substr(at_, length));
    advance(length);
  }

  Status string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return error_at(line_, "a string without its end");
    TRY(auto value, unescape_string(std::string_view(source_).substr(at_ + 1, end - at_ - 1), line_));
    push(TokenKind::kString, std::move(value));
    advance(end + 1 - at_);
    return {};
  }

  // The end of the digits at `from`, which may have single underscores between them.
  template <typename IsDigit>
  size_t digits_end(size_t from, IsDigit is_valid) const {
    size_t end = from;
    while (end < source_.size()) {
      if (is_valid(source_[end])) {
        ++end;
      } else if (source_[end] == '_' && end > from && end + 1 < source_.size() && is_valid(source_[end + 1])) {
        ++end;
      } else {
        break;
      }
    }
    return end;
  }

  Status number() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // x.1.2 is two items
    const size_t whole_end = digits_end(at_, is_digit);
    size_t end = whole_end;
    if (!after_dot) {
      if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
        end = digits_end(end + 1, is_digit);
      }
      if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
        const size_t exponent = end + 1 + (sign_at(end + 1) != '\0' ? 1 : 0);
        if (exponent < source_.size() && is_digit(source_[exponent])) end = digits_end(exponent, is_digit);
      }
    }
    if (end == whole_end) return integer(whole_end);
    std::string text;
    for (const char c : source_.substr(at_, end - at_)) {
      if (c != '_') text += c;
    }
    push(TokenKind::kFloat, text);
    tokens_.back().number = std::strtod(text.c_str(), nullptr);
    advance(end - at_);
    return {};
  }

  Status integer(size_t end) {
    int base = 10;
    size_t from = at_;
    const auto value_of = [](char c) {
      if (is_digit(c)) return c - '0';
      const char lower = static_cast<char>(c | 0x20);
      return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
    };
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char mark = static_cast<char>(source_[at_ + 1] | 0x20);
      const int marked = mark == 'x' ? 16 : (mark == 'o' ? 8 : (mark == 'b' ? 2 : 10));
      const size_t first = at_ + 2 + (at_ + 2 < source_.size() && source_[at_ + 2] == '_' ? 1 : 0);
      if (marked != 10 && first < source_.size() && value_of(source_[first]) < marked) {
        base = marked;
        from = first;
        end = digits_end(first, [&](char c) { return value_of(c) < marked; });
      } else {  // leading zeros end the number: 01 is two numbers
        end = digits_end(at_, [](char c) { return c == '0'; });
      }
    }
    Int value = 0;
    for (size_t i = from; i < end; ++i) {
      if (source_[i] == '_') continue;
      if (__builtin_mul_overflow(value, Int{base}, &value) ||
          __builtin_add_overflow(value, Int{value_of(source_[i])}, &value)) {
        return error_at(line_, "an integer beyond 128 bits");
      }
    }
    push(TokenKind::kInteger, source_.substr(at_, end - at_));
    tokens_.back().integer = value;
    advance(end - at_);
    return {};
  }

  Status operation(std::string& open) {
    static constexpr std::array<std::string_view, 26> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                                    "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                    ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (const auto op : kOperators) {
      if (!sees(op)) continue;
      if (op == "(" || op == "[" || op == "{") {
        open += op == "(" ? ')' : (op == "[" ? ']' : '}');
      } else if (op == ")" || op == "]" || op == "}") {
        if (open.empty()) return error_at(line_, fmt::format("unexpected '{}'", op));
        if (open.back() != op[0])
          return error_at(line_, fmt::format("unexpected '{}', expected '{}'", op, open.back()));
        open.pop_back();
      }
      push(TokenKind::kOperator, std::string(op));
      advance(op.size());
      return {};
    }
    return error_at(line_, fmt::format("unexpected character '{}'", source_[at_]));
  }

  std::string source_;
  size_t at_ = 0;
  int32_t line_ = 1;
  bool is_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (!is_utf8(source)) return fail("the template is not UTF-8");
  return Lexer(source).run();
}

}  // namespace braid::jinja
