// Unicode's normal forms (Unicode Standard Annex #15) over the characters of Unicode 9.0, the version that the
// reference follows: later characters are left alone. The stability policy makes utf8proc's data of any newer
// version serve; only the algorithm is ours, because utf8proc sorts a run of marks in quadratic time.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::unicode {

enum class NormalFormKind { kNfc, kNfd, kNfkc, kNfkd };

class NormalForm {
 public:
  explicit NormalForm(NormalFormKind kind);

  // Sets `out` to the normal form of `text` (valid UTF-8), unless they are surely the same: then it returns false.
  bool normalize(std::string_view text, std::string& out) const;

 private:
  // What the quick pass needs to know of a character.
  enum Kind : uint8_t {
    kInert = 0,   // a starter that nothing before it composes with and that stays as it is: a border
    kActive = 1,  // may change, move, or compose with what stands before it
  };
  bool is_known(char32_t code_point) const { return later_[code_point] == 0; }
  void decompose(char32_t code_point, std::u32string& out) const;
  void normalize_segment(std::string_view segment, std::string& out) const;
  std::u32string composed_from(const std::vector<std::pair<int, char32_t>>& characters) const;
  int combining_class(char32_t code_point) const;

  bool composes_;
  bool is_compatible_;         // <font>, <super>, … are dropped
  uint8_t first_active_byte_;  // of UTF-8: nothing below U+0300 changes in NFC, no ASCII in any form
  CodePointTable later_;       // 1: not in Unicode 9.0
  CodePointTable kinds_;
};

}  // namespace braid::unicode
