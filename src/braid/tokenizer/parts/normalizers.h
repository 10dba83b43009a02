// Normalizers: Unicode's normal forms, and what else tokenizers do to a text before they split it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"
#include "braid/tokenizer/unicode/normal_form.h"

namespace braid {

std::unique_ptr<Normalizer> make_normal_form(unicode::NormalFormKind kind);
// Each character by itself, as Unicode's default lower case.
std::unique_ptr<Normalizer> make_lowercase();
// Leaves out combining marks.
std::unique_ptr<Normalizer> make_strip_accents();
// Leaves out white space at the ends.
std::unique_ptr<Normalizer> make_strip_spaces(bool left, bool right);
// Puts `prefix` before every text that is not empty.
std::unique_ptr<Normalizer> make_prepend(std::string prefix);
// Replaces every occurrence of `from` (not empty) by `to`.
std::unique_ptr<Normalizer> make_replace(std::string from, std::string to);
// Replaces every match.
std::unique_ptr<Normalizer> make_regex_replace(Regex from, std::string to);
std::unique_ptr<Normalizer> make_normalizer_sequence(std::vector<std::unique_ptr<Normalizer>> parts);

}  // namespace braid
