// Reads a pattern as published tokenizers write them (Oniguruma's syntax, which Hugging Face `tokenizers` uses) into
// plain syntax and sets of code points. Every character class, property, literal and case-insensitivity is resolved
// here from braid's own Unicode tables, so that the matcher below need not know Unicode at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid {

// Either syntax for the matcher (ASCII: groups, quantifiers, assertions) or one character out of a set.
struct PatternPiece {
  std::string syntax;
  std::optional<unicode::CodePointSet> set;
};

// `pattern` must be valid UTF-8. Errors name the construct that is wrong or not supported (backreferences, recursion).
Result<std::vector<PatternPiece>> parse_pattern(std::string_view pattern);

}  // namespace braid
