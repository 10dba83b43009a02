#include "braid/tokenizer/unicode/normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "braid/base/check.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::unicode {
namespace {

constexpr size_t kMaxDecomposition = 24;  // the longest, the compatibility decomposition of U+FDFA, has 18 code points

CodePointTable table_of(const CodePointSet& set) {
  // Class 0 is the class of the first code point, U+0000, which is in neither set.
  return *CodePointTable::classify({&set, 1}, 0, 2);
}

std::u32string decomposition(char32_t code_point, bool is_compatible) {
  std::array<utf8proc_int32_t, kMaxDecomposition> buffer{};
  int last_boundary = 0;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (is_compatible ? UTF8PROC_COMPAT : UTF8PROC_DECOMPOSE));
  const utf8proc_ssize_t length = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), buffer.data(),
                                                          buffer.size(), options, &last_boundary);
  CHECK(length > 0 && length <= static_cast<utf8proc_ssize_t>(buffer.size()));
  return {buffer.begin(), buffer.begin() + length};
}

// The composition of the two, or 0.
char32_t composed(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 4> pair = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const utf8proc_ssize_t length =
      utf8proc_normalize_utf32(pair.data(), 2, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  return length == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

CodePointSet active_characters(const CodePointSet& known, bool composes, bool is_compatible) {
  std::vector<CodePointRange> active;
  if (composes) active = {{0x1161, 0x1175}, {0x11A8, 0x11C2}};  // Hangul vowels and finals
  for (const CodePointRange& range : known.ranges()) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      if (composes && c >= 0xAC00 && c <= 0xD7A3) continue;  // Hangul syllables stay
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      if (utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class != 0) active.push_back({c, c});
      const std::u32string parts = decomposition(c, is_compatible);
      if (parts.size() == 1 && parts[0] == c) continue;
      if (!composes) {
        active.push_back({c, c});
        continue;
      }
      // The second of a pair composes with the character before it. So may any later part of a decomposition.
      const std::u32string canonical = decomposition(c, false);
      for (size_t i = 1; i < canonical.size(); ++i) active.push_back({canonical[i], canonical[i]});
      const bool is_stable = parts.size() >= 2 && [&] {
        char32_t first = parts[0];
        for (size_t i = 1; i < parts.size(); ++i) first = first == 0 ? 0 : composed(first, parts[i]);
        return first == c;
      }();
      if (!is_stable) active.push_back({c, c});
    }
  }
  return CodePointSet(std::move(active));
}

}  // namespace

NormalForm::NormalForm(NormalFormKind kind)
    : composes_(kind == NormalFormKind::kNfc || kind == NormalFormKind::kNfkc),
      is_compatible_(kind == NormalFormKind::kNfkc || kind == NormalFormKind::kNfkd),
      first_active_byte_(kind == NormalFormKind::kNfc ? 0xCC : 0x80),
      later_(table_of(present_in_unicode_9().inverted())),
      kinds_(table_of(active_characters(present_in_unicode_9(), composes_, is_compatible_))) {}

int NormalForm::combining_class(char32_t code_point) const {
  return is_known(code_point) ? utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class : 0;
}

void NormalForm::decompose(char32_t code_point, std::u32string& out) const {
  if (is_known(code_point)) {
    out += decomposition(code_point, is_compatible_);
  } else {
    out.push_back(code_point);
  }
}

bool NormalForm::normalize(std::string_view text, std::string& out) const {
  size_t copied = 0;  // text before this is already in `out`
  size_t border = 0;  // start of the last inert character
  bool has_changed = false;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < first_active_byte_ || kinds_[decode_valid(text.data() + i)] == kInert) {
      border = i;
      i += sequence_length(text[i]);
      continue;
    }
    // A segment reaches from the border to the next inert character.
    size_t end = i;
    while (end < text.size() && kinds_[decode_valid(text.data() + end)] == kActive) end += sequence_length(text[end]);
    if (!has_changed) out.clear();
    has_changed = true;
    border = std::max(border, copied);
    out += text.substr(copied, border - copied);
    normalize_segment(text.substr(border, end - border), out);
    copied = end;
    i = end;
  }
  if (has_changed) out += text.substr(copied);
  return has_changed;
}

void NormalForm::normalize_segment(std::string_view segment, std::string& out) const {
  std::u32string decomposed;
  for (size_t i = 0; i < segment.size(); i += sequence_length(segment[i])) {
    decompose(decode_valid(segment.data() + i), decomposed);
  }
  // Sorts the marks between starters by class (stable).
  std::vector<std::pair<int, char32_t>> characters;
  characters.reserve(decomposed.size());
  for (const char32_t c : decomposed) characters.emplace_back(combining_class(c), c);
  for (size_t i = 0; i < characters.size();) {
    size_t end = i;
    while (end < characters.size() && characters[end].first != 0) ++end;
    std::stable_sort(characters.begin() + static_cast<std::ptrdiff_t>(i),
                     characters.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    i = end + 1;
  }
  if (composes_) {
    for (const char32_t c : composed_from(characters)) append_code_point(c, out);
  } else {
    for (const auto& [character_class, character] : characters) append_code_point(character, out);
  }
}

// Each character composes with the last starter, unless a starter or a character of its own class is between them.
std::u32string NormalForm::composed_from(const std::vector<std::pair<int, char32_t>>& characters) const {
  std::u32string result;
  size_t starter = std::u32string::npos;
  int last_class = -1;  // of the last character kept after the starter; -1 if none
  for (const auto& [character_class, character] : characters) {
    if (starter != std::u32string::npos && last_class < character_class && is_known(character) &&
        is_known(result[starter])) {
      const char32_t both = composed(result[starter], character);
      if (both != 0 && is_known(both)) {
        result[starter] = both;
        continue;
      }
    }
    if (character_class == 0) {
      starter = result.size();
      last_class = -1;
    } else {
      last_class = character_class;
    }
    result.push_back(character);
  }
  return result;
}

}  // namespace braid::unicode
