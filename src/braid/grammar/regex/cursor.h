// Reads a source text by characters, with the limits shared by regular expressions and EBNF. Tested by
// regex_parser_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {

inline constexpr int kMaxGroupDepth = 200;
inline constexpr uint32_t kMaxRepetitions = 1'000'000;

class Cursor {
 public:
  // `text` must be valid UTF-8.
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  size_t position() const { return at_; }  // in bytes
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view since(size_t position) const { return text_.substr(position, at_ - position); }
  void go_to(size_t position) { at_ = position; }

  char32_t peek() const { return at_end() ? 0 : unicode::decode_valid(text_.data() + at_); }
  char32_t next() {
    const char32_t c = peek();
    if (!at_end()) at_ += unicode::sequence_length(text_[at_]);
    return c;
  }
  bool sees(std::string_view wanted) const { return rest().starts_with(wanted); }
  bool take(std::string_view wanted) {
    if (!sees(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// The value of a hexadecimal digit, or -1.
inline int hex_value(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

}  // namespace braid::grammar
