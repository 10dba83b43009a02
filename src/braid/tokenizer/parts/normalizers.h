// Normalizers: Unicode's normal forms, and other changes to a text before it is split. Tested by
// parts_reference_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"
#include "braid/tokenizer/unicode/normal_form.h"

namespace braid {

std::unique_ptr<Normalizer> make_normal_form(unicode::NormalFormKind kind);
// Unicode's default lower case, character by character.
std::unique_ptr<Normalizer> make_lowercase();
// Removes combining marks.
std::unique_ptr<Normalizer> make_strip_accents();
// Removes white space at the ends.
std::unique_ptr<Normalizer> make_strip_spaces(bool left, bool right);
// Puts `prefix` before every non-empty text.
std::unique_ptr<Normalizer> make_prepend(std::string prefix);
// Replaces every occurrence of `from` (not empty) by `to`.
std::unique_ptr<Normalizer> make_replace(std::string from, std::string to);
// Replaces every match.
std::unique_ptr<Normalizer> make_regex_replace(Regex from, std::string to);
std::unique_ptr<Normalizer> make_normalizer_sequence(std::vector<std::unique_ptr<Normalizer>> parts);

}  // namespace braid
