// Strings with several conditions at once. Tested by schema_compiler_test.cc.
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
  std::vector<std::string> patterns;  // each must match somewhere in the text
  std::vector<std::string> formats;   // each must match the whole text
  std::vector<Dfa> conditions;        // further conditions

  bool is_free() const { return !has_condition() && min_length == 0 && !max_length; }
  bool has_condition() const { return !patterns.empty() || !formats.empty() || !conditions.empty(); }
};

class Automata;

// The content of a JSON string (without quotes). With conditions it must be a rule's whole body, because of a pattern's
// anchors. `character`: any single character of a JSON string. Null if there is no such string.
Result<Expr> string_content(const StringSchema& schema, const Expr& character, Automata& automata);

// A whole text that contains a match of the pattern, or that has the format.
Result<Expr> pattern_expression(const std::string& pattern);
Result<Expr> format_expression(const std::string& format);

// The regular expression for the whole text of a format, or an error that names the format.
Result<std::string_view> format_pattern(std::string_view format);
// OpenAPI's formats of numbers, which have no such expression.
bool is_number_format(std::string_view format);

}  // namespace braid::grammar
