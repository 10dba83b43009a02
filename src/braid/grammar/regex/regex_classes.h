// The parts of a regular expression that stand for one character.
#pragma once

#include <optional>

#include "braid/base/result.h"
#include "braid/grammar/regex/cursor.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::grammar {

struct RegexEscape {
  unicode::CodePointSet set;
  std::optional<char32_t> literal;  // if it stands for this one character
  char letter = 0;                  // of a class such as \d
};

// Behind a backslash. `is_wide`: the set is to be taken away from all characters, so it holds what any dialect has in
// it.
Result<RegexEscape> read_regex_escape(Cursor& cursor, bool is_wide);

// Behind a '[', up to and including the ']'.
Result<unicode::CodePointSet> read_regex_class(Cursor& cursor, bool ignores_case);

// With the other case of its letters: of ASCII alone, or (`is_wide`) of all that any dialect knows.
unicode::CodePointSet with_other_case(const unicode::CodePointSet& set, bool is_wide);

}  // namespace braid::grammar
