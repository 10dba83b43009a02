// Unicode's canonical composition (NFC, Unicode Standard Annex #15) over the characters of Unicode 9.0, the version
// that the reference follows: later characters are left alone. The stability policy makes utf8proc's data of any newer
// version serve; only the algorithm is ours, because utf8proc sorts a run of marks in quadratic time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::unicode {

class NormalForm {
 public:
  NormalForm();

  // Sets `out` to the composed form of `text` (valid UTF-8), unless they are surely the same: then it returns false.
  bool compose(std::string_view text, std::string& out) const;

 private:
  // What the quick pass needs to know of a character.
  enum Kind : uint8_t {
    kInert = 0,   // a starter that nothing before it composes with and that stays as it is: a border
    kActive = 1,  // may change, move, or compose with what stands before it
  };
  bool is_known(char32_t code_point) const { return later_[code_point] == 0; }
  void decompose(char32_t code_point, std::u32string& out) const;
  void compose_segment(std::string_view segment, std::string& out) const;
  int combining_class(char32_t code_point) const;

  CodePointTable later_;  // 1: not in Unicode 9.0
  CodePointTable kinds_;
};

}  // namespace braid::unicode
