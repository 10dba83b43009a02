// Sets of code points, among them the Unicode properties, and a fast table from code point to class.
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

// A property as patterns name it: a general category ("L", "Lu", …), "Alphabetic", "White_Space", "Han", "Any". Unicode
// 16.0. Spaces, '_', '-' and case are ignored. Nothing for an unknown name.
std::optional<CodePointSet> property(std::string_view name);

CodePointSet white_space();
// \w of the reference's regular expressions (Oniguruma), outside and inside brackets.
CodePointSet word_characters();
CodePointSet class_word_characters();
// \w of the reference's `single_word` (Rust's regex crate: with Join_Control).
CodePointSet rust_word_characters();
// Rust's char::is_numeric, Unicode 17.0.
CodePointSet numeric_characters();
// The reference's combining marks (Unicode 9.0) and punctuation (Unicode 8.0, and ASCII's symbols).
CodePointSet combining_marks();
CodePointSet punctuation();
// The code points that Unicode 9.0 assigns. Normalisation leaves all others unchanged, as the reference does.
CodePointSet present_in_unicode_9();

// Maps a code point to a small number, in two steps: blocks of 256; equal blocks are stored once.
class CodePointTable {
 public:
  // A code point's class is the combination of `sets` that contain it; classes are numbered from 0. Nothing if there
  // are more than `max_classes`. Code points below `first` are ignored (class 0).
  static std::optional<CodePointTable> classify(std::span<const CodePointSet> sets, char32_t first, size_t max_classes);

  uint8_t operator[](char32_t code_point) const {
    return values_[(static_cast<size_t>(blocks_[code_point >> 8]) << 8) | (code_point & 0xFF)];
  }
  // One code point of each class.
  std::span<const char32_t> representatives() const { return representatives_; }

 private:
  std::array<uint16_t, 0x1100> blocks_{};
  std::vector<uint8_t> values_;
  std::vector<char32_t> representatives_;
};

}  // namespace braid::unicode
