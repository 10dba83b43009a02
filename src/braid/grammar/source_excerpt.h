// Quotes the beginning of a source text in an error message, cut between characters. Tested by
// ebnf/ebnf_parser_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {

inline std::string excerpt(std::string_view text, size_t max_bytes = 80) {
  std::string shown;
  unicode::append_lossy(text.substr(0, max_bytes), text.size() > max_bytes, shown);
  return text.size() > max_bytes ? shown + "…" : shown;
}

}  // namespace braid::grammar
