// Normalizers: Unicode's normal forms, and what else tokenizers do to a text before they split it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/parts/parts.h"

namespace braid {

std::unique_ptr<Normalizer> make_nfc();
// Puts `prefix` before every text that is not empty.
std::unique_ptr<Normalizer> make_prepend(std::string prefix);
// Replaces every occurrence of `from` (not empty) by `to`.
std::unique_ptr<Normalizer> make_replace(std::string from, std::string to);
std::unique_ptr<Normalizer> make_normalizer_sequence(std::vector<std::unique_ptr<Normalizer>> parts);

}  // namespace braid
