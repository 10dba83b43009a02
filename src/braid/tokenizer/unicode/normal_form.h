// Unicode's normal forms (Unicode Standard Annex #15) over the characters of Unicode 9.0, the version that the
// reference follows: later characters are left unchanged. The data is utf8proc's; by Unicode's stability policy any
// newer version will do. The algorithm is our own, because utf8proc sorts a run of marks in quadratic time.
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

  // Sets `out` to the normal form of `text` (valid UTF-8). Returns false, without setting it, if they are surely equal.
  bool normalize(std::string_view text, std::string& out) const;

 private:
  // How the quick pass classifies a character.
  enum Kind : uint8_t {
    kInert = 0,   // an unchanged starter that does not compose with anything before it: a border
    kActive = 1,  // may change, move, or compose with the character before it
  };
  bool is_known(char32_t code_point) const { return later_[code_point] == 0; }
  void decompose(char32_t code_point, std::u32string& out) const;
  void normalize_segment(std::string_view segment, std::string& out) const;
  std::u32string composed_from(const std::vector<std::pair<int, char32_t>>& characters) const;
  int combining_class(char32_t code_point) const;

  bool composes_;
  bool is_compatible_;         // <font>, <super>, … are dropped
  uint8_t first_active_byte_;  // first UTF-8 byte that may change: U+0300 and up in NFC, non-ASCII in the other forms
  CodePointTable later_;       // 1: not in Unicode 9.0
  CodePointTable kinds_;
};

}  // namespace braid::unicode
