// Strings under several conditions at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

struct StringSchema {
  uint32_t min_length = 0;  // in characters
  std::optional<uint32_t> max_length;
  std::vector<std::string> patterns;  // each matches somewhere in the text
  std::vector<std::string> formats;   // each is the whole text's
  std::vector<Dfa> conditions;        // further ones

  bool is_free() const { return !has_condition() && min_length == 0 && !max_length; }
  bool has_condition() const { return !patterns.empty() || !formats.empty() || !conditions.empty(); }
};

class Automata;

// The content of a JSON string (without its quotes) that is not free: a rule's whole body, for a pattern's anchors.
// `character`: any one character of a JSON string. Null if there is no such string.
Result<Expr> string_content(const StringSchema& schema, const Expr& character, Automata& automata);

// A whole text that the pattern matches somewhere, or that is of the format.
Result<Expr> pattern_expression(const std::string& pattern);
Result<Expr> format_expression(const std::string& format);

// The regular expression of a format (its whole text), or an error that names it.
Result<std::string_view> format_pattern(std::string_view format);

}  // namespace braid::grammar
