// UTF-8: reading, writing, and the replacement of malformed sequences by U+FFFD (Unicode 15, section 3.9: each maximal
// subpart of an ill-formed sequence is one U+FFFD, as in Rust's from_utf8_lossy and Python's errors="replace").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace braid::unicode {

inline constexpr char32_t kReplacement = 0xFFFD;
inline constexpr char32_t kNumCodePoints = 0x110000;

// What a sequence of bytes starts with.
struct Utf8Sequence {
  int length = 0;             // bytes to skip
  bool is_valid = false;      // one complete code point
  bool may_continue = false;  // incomplete: further bytes could make it valid
};
Utf8Sequence front_sequence(std::string_view bytes);

bool is_ascii(std::string_view text);
bool is_valid_utf8(std::string_view text);

// Appends `bytes` to `out` with malformed sequences replaced, and returns the number of bytes used. An incomplete
// sequence at the end is left unused if `more_may_come`, and replaced otherwise.
size_t append_lossy(std::string_view bytes, bool more_may_come, std::string& out);

void append_code_point(char32_t code_point, std::string& out);
std::string to_utf8(std::u32string_view code_points);

// For valid text only: the length in bytes of the character that starts with `lead`, and the character itself.
inline size_t sequence_length(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
inline char32_t decode_valid(const char* text) {
  const auto byte = [text](int i) { return static_cast<char32_t>(static_cast<uint8_t>(text[i])); };
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xE0) return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
  if (byte(0) < 0xF0) return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
  return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
}
// The start of the last character of a valid, non-empty text.
inline size_t last_character(std::string_view text) {
  size_t start = text.size() - 1;
  while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
  return start;
}

}  // namespace braid::unicode
