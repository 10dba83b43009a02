// Regular expressions over code points, for the patterns of published tokenizers: PCRE2 (JIT) over *classes*.
//
// PCRE2's Unicode version depends on the distribution, and it searches wide character classes range by range. So it
// never sees Unicode. Code points that the pattern cannot tell apart form a class. ASCII keeps its own values; each
// class of other code points gets a byte from 0x80 on; PCRE2 matches bytes. ASCII text is matched in place.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/tokenizer/regex/regex_scratch.h"
#include "braid/tokenizer/unicode/code_point_set.h"

struct pcre2_real_code_8;

namespace braid {

class Regex {
 public:
  // Oniguruma's syntax (pattern_parser.h). Errors quote the pattern.
  static Result<Regex> compile(std::string_view pattern);
  // A pattern that matches `text` literally.
  static Result<Regex> compile_literal(std::string_view text);

  // Calls on_match(begin, end) with the bytes of each match in `text` (valid UTF-8), left to right, as Oniguruma's
  // find_iter: an empty match is skipped where the match before it ended. Matching is bounded: if a pattern backtracks
  // without end, the rest of the text counts as not matched (RegexScratch::halve_limit).
  void for_each_match(std::string_view text, RegexScratch& scratch,
                      FunctionRef<void(size_t begin, size_t end)> on_match) const;

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  Regex(unicode::CodePointTable classes, std::unique_ptr<pcre2_real_code_8, FreeCode> code, bool has_jit);

  // The subject for PCRE2: the text itself (ASCII), or one byte for each code point.
  void to_classes(std::string_view text, std::string& out) const;

  std::unique_ptr<const unicode::CodePointTable> classes_;  // of code points from 0x80 on
  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  bool has_jit_ = false;
};

}  // namespace braid
