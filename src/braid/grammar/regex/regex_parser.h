// Regular expressions: the common part of ECMAScript, Python and PCRE. Where they differ, a text must satisfy all of
// them: \d, \w and \s are ASCII, their opposites exclude all of Unicode's digits, letters and spaces; "." excludes the
// line ends of all three; "$" is the very end. Constructs that are not regular, or have no common meaning, are errors
// that say so. In a negated look-around, where a larger class allows fewer texts, \d and the like are those of any
// dialect. Tested by regex_parser_test.cc and regex_reference_test.cc.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

struct RegexOptions {
  Spelling spelling = Spelling::kUtf8;
  bool searches = false;  // true: the pattern may match anywhere in the text (JSON schema's "pattern"); false: it must
                          // match the whole text
  bool looks_around = false;  // accepts look-ahead, look-behind and \b: the result may have Kind::kLook
};

// The rule with this body must match the whole text that "^" and "$" refer to.
Result<Expr> parse_regex(std::string_view pattern, const RegexOptions& options);

}  // namespace braid::grammar
