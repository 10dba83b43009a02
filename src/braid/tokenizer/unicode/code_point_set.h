// Sets of code points, the Unicode properties among them, and a fast table from code point to class.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace braid::unicode {

struct CodePointRange {
  char32_t first = 0;
  char32_t last = 0;  // inclusive
};

// Sorted, disjoint ranges.
class CodePointSet {
 public:
  CodePointSet() = default;
  explicit CodePointSet(std::vector<CodePointRange> ranges);  // in any order, overlapping or not
  static CodePointSet of(char32_t code_point) { return CodePointSet({{code_point, code_point}}); }

  bool contains(char32_t code_point) const;
  CodePointSet united(const CodePointSet& other) const;
  CodePointSet inverted() const;
  CodePointSet intersected(const CodePointSet& other) const;
  std::span<const CodePointRange> ranges() const { return ranges_; }

 private:
  std::vector<CodePointRange> ranges_;
};

// A property as patterns name it: a general category ("L", "Lu", …), "Alphabetic", "White_Space", "Han", "Any".
// Unicode 16.0. Spaces, '_', '-' and case do not count. Nothing for a name that is not known.
std::optional<CodePointSet> property(std::string_view name);

CodePointSet white_space();
// \w of the reference's regular expressions (Oniguruma), outside brackets and within.
CodePointSet word_characters();
CodePointSet class_word_characters();
// \w of the reference's `single_word` (Rust's regex crate: with Join_Control).
CodePointSet rust_word_characters();
// Rust's char::is_numeric, Unicode 17.0.
CodePointSet numeric_characters();
// What the reference takes for a combining mark (Unicode 9.0) and for punctuation (Unicode 8.0, and ASCII's symbols).
CodePointSet combining_marks();
CodePointSet punctuation();
// What Unicode 9.0 assigns: normalisation leaves all else alone, as the reference does.
CodePointSet present_in_unicode_9();

// Code point to a small number, in two steps: blocks of 256, equal blocks stored once.
class CodePointTable {
 public:
  // Each code point gets the number of the one combination of `sets` that it lies in; numbers count from 0. Nothing if
  // there are more than `max_classes`. Code points below `first` are not looked at (their number is 0).
  static std::optional<CodePointTable> classify(std::span<const CodePointSet> sets, char32_t first, size_t max_classes);

  uint8_t operator[](char32_t code_point) const {
    return values_[(static_cast<size_t>(blocks_[code_point >> 8]) << 8) | (code_point & 0xFF)];
  }
  // A code point of each class.
  std::span<const char32_t> representatives() const { return representatives_; }

 private:
  std::array<uint16_t, 0x1100> blocks_{};
  std::vector<uint8_t> values_;
  std::vector<char32_t> representatives_;
};

}  // namespace braid::unicode
