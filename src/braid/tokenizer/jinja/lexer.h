// Turns template source into tokens. White space control: `-`, `+`, and trim_blocks and lstrip_blocks as transformers
// sets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

enum class TokenKind : uint8_t {
  kText,
  kPrintBegin,
  kPrintEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int32_t line = 1;
  std::string text;  // the value of a string; the text of an operator or a name
  Int integer = 0;
  double number = 0;

  bool is(std::string_view op) const { return kind == TokenKind::kOperator && text == op; }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
  std::string describe() const;
};

Error error_at(int32_t line, const std::string& message);

// The text between a literal's quotes, with escapes resolved (string_literal.cc).
Result<std::string> unescape_string(std::string_view body, int32_t line);

// The last token is kEnd.
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace braid::jinja
