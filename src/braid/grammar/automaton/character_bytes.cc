#include "braid/grammar/automaton/character_bytes.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace braid::grammar {
namespace {

using unicode::CodePointRange;
using unicode::CodePointSet;

// Splits [first, last] into parts whose digits (`bits` each, `num_digits` in all) are independent ranges.
template <typename Emit>
void split_digits(uint32_t first, uint32_t last, int bits, int num_digits, Emit emit) {
  for (int digit = 1; digit < num_digits; ++digit) {
    const uint32_t low = (uint32_t{1} << (bits * digit)) - 1;
    if ((first & ~low) == (last & ~low)) break;
    if ((first & low) != 0) {
      split_digits(first, first | low, bits, num_digits, emit);
      split_digits((first | low) + 1, last, bits, num_digits, emit);
      return;
    }
    if ((last & low) != low) {
      split_digits(first, (last & ~low) - 1, bits, num_digits, emit);
      split_digits(last & ~low, last, bits, num_digits, emit);
      return;
    }
  }
  emit(first, last);
}

// UTF-8 of a range whose characters all need `length` bytes.
void add_utf8(uint32_t first, uint32_t last, int length, std::vector<ByteSequence>& out) {
  static constexpr uint8_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  split_digits(first, last, 6, length, [&](uint32_t from, uint32_t to) {
    ByteSequence sequence;
    for (int i = length - 1; i >= 0; --i) {
      const auto digit = [&](uint32_t value) { return (value >> (6 * i)) & (i == length - 1 ? 0xFFU : 0x3FU); };
      const uint8_t base = i == length - 1 ? kLead[length] : 0x80;
      sequence.push_back(byte_range(static_cast<uint8_t>(base | digit(from)), static_cast<uint8_t>(base | digit(to))));
    }
    out.push_back(std::move(sequence));
  });
}

// The hexadecimal digits from `first` to `last`, in both cases.
ByteSet hex_digits(uint32_t first, uint32_t last) {
  ByteSet set;
  for (uint32_t digit = first; digit <= last; ++digit) {
    set.set(digit < 10 ? '0' + digit : 'a' + digit - 10);
    if (digit >= 10) set.set('A' + digit - 10);
  }
  return set;
}

// \uXXXX for a range of code units.
std::vector<ByteSequence> code_unit_escapes(uint32_t first, uint32_t last) {
  std::vector<ByteSequence> out;
  split_digits(first, last, 4, 4, [&](uint32_t from, uint32_t to) {
    ByteSequence sequence = {byte_range('\\', '\\'), byte_range('u', 'u')};
    for (int shift = 12; shift >= 0; shift -= 4) {
      sequence.push_back(hex_digits((from >> shift) & 0xF, (to >> shift) & 0xF));
    }
    out.push_back(std::move(sequence));
  });
  return out;
}

void add_escapes(CodePointRange range, std::vector<ByteSequence>& out) {
  if (range.first <= 0xFFFF) {
    const auto units = code_unit_escapes(range.first, std::min<uint32_t>(range.last, 0xFFFF));
    out.insert(out.end(), units.begin(), units.end());
  }
  if (range.last <= 0xFFFF) return;
  // A pair of surrogates, with ten bits each.
  split_digits(std::max<uint32_t>(range.first, 0x10000) - 0x10000, range.last - 0x10000, 10, 2,
               [&](uint32_t from, uint32_t to) {
                 const auto high = code_unit_escapes(0xD800 + (from >> 10), 0xD800 + (to >> 10));
                 const auto low = code_unit_escapes(0xDC00 + (from & 0x3FF), 0xDC00 + (to & 0x3FF));
                 for (const ByteSequence& first : high) {
                   for (const ByteSequence& second : low) {
                     out.push_back(first);
                     out.back().insert(out.back().end(), second.begin(), second.end());
                   }
                 }
               });
}

void add_json_ascii(const CodePointSet& set, std::vector<ByteSequence>& out) {
  constexpr std::pair<char32_t, char> kShort[] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                                  {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
  ByteSet plain;
  for (char32_t c = 0x20; c < 0x80; ++c) {
    if (c != '"' && c != '\\' && set.contains(c)) plain.set(c);
  }
  if (plain.any()) out.push_back({plain});
  for (const auto& [c, letter] : kShort) {
    if (set.contains(c)) out.push_back({byte_range('\\', '\\'), byte_range(letter, letter)});
  }
  for (char32_t c = 0; c < 0x80; ++c) {
    if ((c < 0x20 || c == '"' || c == '\\') && set.contains(c)) add_escapes({c, c}, out);
  }
}

}  // namespace

ByteSet byte_range(uint8_t first, uint8_t last) {
  if (first > last) return {};
  return ByteSet().set() >> (size_t{255} - last + first) << first;
}

std::vector<ByteSequence> byte_sequences(const CodePointSet& set, Spelling spelling) {
  const CodePointSet text = set.intersected(scalar_values());
  std::vector<ByteSequence> out;
  if (spelling == Spelling::kUtf8) {
    ByteSet ascii;
    for (char32_t c = 0; c < 0x80; ++c) {
      if (text.contains(c)) ascii.set(c);
    }
    if (ascii.any()) out.push_back({ascii});
  } else {
    add_json_ascii(text, out);
  }
  static constexpr std::pair<uint32_t, uint32_t> kLengths[] = {{0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, 0x10FFFF}};
  for (const CodePointRange& range : text.ranges()) {
    for (int i = 0; i < 3; ++i) {
      const uint32_t first = std::max<uint32_t>(range.first, kLengths[i].first);
      const uint32_t last = std::min<uint32_t>(range.last, kLengths[i].second);
      if (first <= last) add_utf8(first, last, i + 2, out);
    }
  }
  if (spelling == Spelling::kUtf8) return out;
  for (const CodePointRange& range : text.ranges()) {
    if (range.last >= 0x80) add_escapes({std::max<char32_t>(range.first, 0x80), range.last}, out);
  }
  return out;
}

}  // namespace braid::grammar
