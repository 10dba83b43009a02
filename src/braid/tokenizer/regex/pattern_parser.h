// Parses a published tokenizer's pattern (Oniguruma's syntax, as Hugging Face `tokenizers` uses it) into plain syntax
// and sets of code points. Character classes, properties, literals and case-insensitivity are resolved here from
// braid's own Unicode tables, so the matcher needs no Unicode at all. Tested by regex_test.cc and
// ../parts/split_reference_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid {

// Either matcher syntax (ASCII: groups, quantifiers, assertions) or one character of a set.
struct PatternPiece {
  std::string syntax;
  std::optional<unicode::CodePointSet> set;
};

// `pattern` must be valid UTF-8. Errors name the construct that is wrong or not supported (backreferences, recursion).
Result<std::vector<PatternPiece>> parse_pattern(std::string_view pattern);

}  // namespace braid
