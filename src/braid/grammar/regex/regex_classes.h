// The parts of a regular expression that match one character. Tested by regex_parser_test.cc.
#pragma once

#include <optional>

#include "braid/base/result.h"
#include "braid/grammar/regex/cursor.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::grammar {

struct RegexEscape {
  unicode::CodePointSet set;
  std::optional<char32_t> literal;  // if it matches only this character
  char letter = 0;                  // of a class such as \d
};

// After a backslash. `is_wide`: the set will be subtracted from all characters, so it is the union over all dialects.
Result<RegexEscape> read_regex_escape(Cursor& cursor, bool is_wide);

// After a '[', up to and including the ']'. `is_wide`: as above, for the whole class.
Result<unicode::CodePointSet> read_regex_class(Cursor& cursor, bool ignores_case, bool is_wide);

// Adds the other case of its letters: of ASCII only, or with `is_wide` of all letters with case in any dialect.
unicode::CodePointSet with_other_case(const unicode::CodePointSet& set, bool is_wide);

}  // namespace braid::grammar
