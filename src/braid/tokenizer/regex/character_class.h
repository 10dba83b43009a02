// The parts of a pattern that match one character: escapes and bracketed classes (Oniguruma's syntax). Tested by
// regex_test.cc and ../parts/split_reference_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid {

// Reads a pattern (valid UTF-8) code point by code point.
class PatternCursor {
 public:
  explicit PatternCursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  char32_t peek() const;  // 0 at the end
  char32_t next();
  bool take(char32_t wanted);
  bool take(std::string_view wanted);
  // After a '{': the whole quantifier "{n}", "{n,}", "{,m}" or "{n,m}"; empty if there is none.
  std::string take_bounds();
  std::string_view rest_start() const { return rest_.substr(0, 1); }
  std::string take_until(char end);  // the text before `end`, which is skipped; the rest if there is no `end`

 private:
  std::string_view rest_;
};

struct Escape {
  unicode::CodePointSet set;
  std::optional<char32_t> literal;  // set if it matches only this character
};
// After the backslash: \n, \x41, \p{L}, \s, … An unknown escape is an error.
Result<Escape> read_escape(PatternCursor& cursor, bool in_class);

// After the '[', up to and including the ']': ranges, properties, nested classes, && and negation.
Result<unicode::CodePointSet> parse_class(PatternCursor& cursor, bool ignores_case);

// The set with both cases of its letters, if `ignores_case`.
unicode::CodePointSet with_case(const unicode::CodePointSet& set, bool ignores_case);

}  // namespace braid
