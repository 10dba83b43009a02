// Regular expressions, in what ECMAScript, Python and PCRE have in common. Where they differ, the set of texts is the
// one that satisfies all of them: \d, \w and \s are ASCII, their opposites leave out all of Unicode's digits, letters
// and spaces; "." is no line end of any of them; "$" is the very end. What is not regular, or has no common meaning, is
// an error that says so.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

struct RegexOptions {
  Spelling spelling = Spelling::kUtf8;
  bool searches = false;  // the pattern may match anywhere in the text (as JSON schema's "pattern"), or is all of it
};

// The rule that gets this body must be the whole text that "^" and "$" speak of.
Result<Expr> parse_regex(std::string_view pattern, const RegexOptions& options);

}  // namespace braid::grammar
