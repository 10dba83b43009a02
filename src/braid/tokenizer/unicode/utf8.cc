#include "braid/tokenizer/unicode/utf8.h"

#include <cstring>

namespace braid::unicode {

Utf8Sequence front_sequence(std::string_view bytes) {
  const auto byte = [bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true, false};
  int length = 0;
  uint8_t low = 0x80;  // bounds of the second byte exclude overlong forms, surrogates, and all above U+10FFFF
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false, false};
  }
  for (int i = 1; i < length; ++i) {
    if (static_cast<size_t>(i) == bytes.size()) return {i, false, true};
    if (byte(i) < low || byte(i) > high) return {i, false, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true, false};
}

bool is_ascii(std::string_view text) {
  uint64_t high_bits = 0;
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= text.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof(word));
    high_bits |= word;
  }
  for (; i < text.size(); ++i) high_bits |= static_cast<uint8_t>(text[i]);
  return (high_bits & 0x8080808080808080u) == 0;
}

bool is_valid_utf8(std::string_view text) {
  if (is_ascii(text)) return true;
  while (!text.empty()) {
    const Utf8Sequence sequence = front_sequence(text);
    if (!sequence.is_valid) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

size_t append_lossy(std::string_view bytes, bool more_may_come, std::string& out) {
  size_t used = 0;
  while (used < bytes.size()) {
    const Utf8Sequence sequence = front_sequence(bytes.substr(used));
    if (sequence.is_valid) {
      out.append(bytes.substr(used, sequence.length));
    } else if (sequence.may_continue && more_may_come) {
      break;
    } else {
      append_code_point(kReplacement, out);
    }
    used += sequence.length;
  }
  return used;
}

void append_code_point(char32_t code_point, std::string& out) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(static_cast<uint8_t>(byte))); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::string to_utf8(std::u32string_view code_points) {
  std::string out;
  for (const char32_t code_point : code_points) append_code_point(code_point, out);
  return out;
}

}  // namespace braid::unicode
