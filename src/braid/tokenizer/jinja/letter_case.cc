// The kind of a code point, and upper, lower and title case, as in Python's str.
#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "braid/tokenizer/jinja/case_table.h"
#include "braid/tokenizer/jinja/numeric_table.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

const SpecialCase* special_case(char32_t c) {
  const auto* at = std::ranges::lower_bound(kSpecialCases, c, {}, &SpecialCase::code);
  return at != std::end(kSpecialCases) && at->code == c ? at : nullptr;
}

void append_upper(std::u32string& out, char32_t c) {
  if (const auto* special = special_case(c)) {
    out += special->upper;
  } else {
    out += static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
  }
}

void append_title(std::u32string& out, char32_t c) {
  if (const auto* special = special_case(c)) {
    out += special->title;
  } else {
    out += static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
  }
}

template <size_t n>
bool is_in(const CodeRange (&ranges)[n], char32_t c) {
  const auto* at = std::ranges::lower_bound(ranges, c, {}, &CodeRange::last);
  return at != std::end(ranges) && at->first <= c;
}

bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c) || is_title(c);
}

bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027;
  }
}

// A sigma at the end of a word has its own form.
bool is_final_sigma(std::u32string_view chars, size_t at) {
  size_t before = at;
  while (before > 0 && is_case_ignorable(chars[before - 1])) --before;
  if (before == 0 || !is_cased(chars[before - 1])) return false;
  size_t after = at + 1;
  while (after < chars.size() && is_case_ignorable(chars[after])) ++after;
  return after == chars.size() || !is_cased(chars[after]);
}

void append_lower(std::u32string& out, std::u32string_view chars, size_t at) {
  const char32_t c = chars[at];
  if (c == 0x3a3) {
    out += is_final_sigma(chars, at) ? U'\u03c2' : U'\u03c3';
  } else if (c == 0x130) {
    out += U"i\u0307";
  } else {
    out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  }
}

}  // namespace

bool is_alpha(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal_digit(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}
bool is_any_digit(char32_t c) {
  return is_decimal_digit(c) || is_in(kOtherDigits, c);
}
bool is_numeric(char32_t c) {
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) || is_in(kNumericIdeographs, c);
}
bool is_alnum(char32_t c) {
  return is_alpha(c) || is_numeric(c);
}
int decimal_value(char32_t c) {
  if (c < 0x80) return static_cast<int>(c - '0');
  char32_t first = c;  // a script's ten digits are consecutive, and there is a gap between scripts
  while (first > 0 && is_decimal_digit(first - 1)) --first;
  return static_cast<int>(c - first) % 10;
}
bool is_upper(char32_t c) {
  return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0;
}
bool is_lower(char32_t c) {
  return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0;
}
bool is_title(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

std::string to_upper(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) append_upper(out, next_char(text, at));
  return to_utf8(out);
}

std::string to_lower(std::string_view text) {
  const auto chars = to_chars32(text);
  std::u32string out;
  for (size_t i = 0; i < chars.size(); ++i) append_lower(out, chars, i);
  return to_utf8(out);
}

std::string fold_case(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    utf8proc_int32_t folded[8];
    int last_class = UTF8PROC_BOUNDCLASS_START;
    const auto size = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, std::ssize(folded),
                                              UTF8PROC_CASEFOLD, &last_class);
    for (utf8proc_ssize_t i = 0; i < size; ++i) out += static_cast<char32_t>(folded[i]);
  }
  return to_utf8(out);
}

bool is_title_case(std::string_view text) {
  bool has_cased = false;
  bool after_cased = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if ((is_upper(c) || is_title(c)) && after_cased) return false;
    if (is_lower(c) && !after_cased) return false;
    after_cased = is_cased(c);
    has_cased |= after_cased;
  }
  return has_cased;
}

std::string capitalize(std::string_view text) {
  const auto chars = to_chars32(text);
  std::u32string out;
  for (size_t i = 0; i < chars.size(); ++i) {
    if (i == 0) {
      append_title(out, chars[i]);
    } else {
      append_lower(out, chars, i);
    }
  }
  return to_utf8(out);
}

std::string title_case(std::string_view text) {
  const auto chars = to_chars32(text);
  std::u32string out;
  bool after_cased = false;
  for (size_t i = 0; i < chars.size(); ++i) {
    if (after_cased) {
      append_lower(out, chars, i);
    } else {
      append_title(out, chars[i]);
    }
    after_cased = is_cased(chars[i]);
  }
  return to_utf8(out);
}

}  // namespace braid::jinja
