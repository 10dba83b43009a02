#include "braid/grammar/regex/regex_classes.h"

#include <string>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/tokenizer/regex/character_class.h"

namespace braid::grammar {
namespace {

using unicode::CodePointRange;
using unicode::CodePointSet;

CodePointSet without(const CodePointSet& set) {
  return scalar_values().intersected(set.inverted());
}

// What every dialect has in \d, \w and \s; and what at least one dialect has.
CodePointSet narrow_class(char letter) {
  if (letter == 'd') return CodePointSet({{'0', '9'}});
  if (letter == 'w') return CodePointSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return CodePointSet({{'\t', '\r'}, {' ', ' '}});
}
CodePointSet make_wide_word_class() {
  return unicode::property("L")
      ->united(*unicode::property("M"))
      .united(*unicode::property("N"))
      .united(*unicode::property("Pc"))
      .united(CodePointSet({{0x200C, 0x200D}}))
      .united(unicode::class_word_characters());
}
const CodePointSet& wide_class(char letter) {  // cached: a pattern may use it thousands of times
  static const CodePointSet kDigits = *unicode::property("Nd");
  static const CodePointSet kWord = make_wide_word_class();
  static const CodePointSet kSpace =
      unicode::white_space().united(CodePointSet({{0x1C, 0x1F}, {0x180E, 0x180E}, {0xFEFF, 0xFEFF}}));
  return letter == 'd' ? kDigits : letter == 'w' ? kWord : kSpace;
}

RegexEscape literal(char32_t c) {
  return {CodePointSet::of(c), c};
}

// `num_digits` hexadecimal digits; nothing if there are fewer.
std::optional<char32_t> read_hex(Cursor& cursor, int num_digits) {
  char32_t value = 0;
  for (int i = 0; i < num_digits; ++i) {
    const int digit = hex_value(cursor.peek());
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<char32_t>(digit);
    cursor.next();
  }
  return value;
}

bool is_surrogate(char32_t c) {
  return c >= 0xD800 && c < 0xE000;
}

// After \u: four digits, a pair of surrogates of four digits each, or any number of digits in braces. Half of a pair is
// no character: it may only be a member of a class.
Result<RegexEscape> read_unicode(Cursor& cursor, bool is_in_class) {
  std::optional<char32_t> value;
  if (cursor.take("{")) {
    char32_t c = 0;
    int num_digits = 0;
    while (hex_value(cursor.peek()) >= 0 && num_digits < 6) {
      c = c * 16 + static_cast<char32_t>(hex_value(cursor.next()));
      ++num_digits;
    }
    if (num_digits > 0 && cursor.take("}")) value = c;
  } else {
    value = read_hex(cursor, 4);
    const size_t after = cursor.position();
    if (value && *value >= 0xD800 && *value < 0xDC00 && cursor.take("\\u")) {
      const auto low = read_hex(cursor, 4);
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        cursor.go_to(after);
      }
    }
  }
  if (!value || *value >= unicode::kNumCodePoints) return fail("a \\u escape needs four hexadecimal digits");
  if (is_surrogate(*value) && !is_in_class) {
    return fail("\\u{:04x} is half of a pair", static_cast<uint32_t>(*value));
  }
  return literal(*value);
}

Result<RegexEscape> read_property(Cursor& cursor, bool inverted) {
  std::string name;
  if (cursor.take("{")) {
    while (!cursor.at_end() && cursor.peek() != '}') unicode::append_code_point(cursor.next(), name);
    if (!cursor.take("}")) return fail("\\p{{{} is not closed", name);
  } else {
    unicode::append_code_point(cursor.next(), name);
  }
  if (name.starts_with("gc=")) name.erase(0, 3);
  if (name.starts_with("General_Category=")) name.erase(0, 17);
  const auto set = name == "ASCII" ? std::optional(CodePointSet({{0, 0x7F}})) : unicode::property(name);
  if (!set) return fail("the property \\p{{{}}} is not known", name);
  return RegexEscape{inverted ? without(*set) : set->intersected(scalar_values()), std::nullopt, 'p'};
}

// One member of a class: a character (which may start a range) or a set.
Result<RegexEscape> read_member(Cursor& cursor, bool is_wide) {
  if (!cursor.take("\\")) return literal(cursor.next());
  if (cursor.take("b")) return literal('\b');
  if (cursor.take("u")) return read_unicode(cursor, true);
  return read_regex_escape(cursor, is_wide);
}

// The union of a class's members.
class ClassMembers {
 public:
  ClassMembers(bool ignores_case, bool is_wide) : ignores_case_(ignores_case), is_wide_(is_wide) {}

  Status add(const RegexEscape& member) {
    if (member.literal) return add_range(*member.literal, *member.literal);
    if (member.letter != 'p' && letters_.find(member.letter) != std::string::npos) return {};  // already added
    letters_.push_back(member.letter);
    append(member.set);
    return {};
  }

  Status add_range(char32_t first, char32_t last) {
    if (last < first) return fail("a range in a character class runs backwards");
    if (is_surrogate(first) && last > 0xFFFF)
      return fail("dialects differ about a range from half of a pair to a pair");
    names_surrogates_ = names_surrogates_ || is_surrogate(first) || is_surrogate(last);
    const CodePointSet range({{first, last}});
    append(ignores_case_ ? with_other_case(range, is_wide_) : range);
    return {};
  }

  CodePointSet take() {
    for (const char letter : {'d', 'w', 's'}) {
      if (letters_.find(letter) == std::string::npos) continue;
      if (letters_.find(static_cast<char>(letter - 'a' + 'A')) != std::string::npos) append(scalar_values());
    }
    // No text has half of a pair, except where a dialect sees two halves in each character beyond U+FFFF.
    if (names_surrogates_ && is_wide_) ranges_.push_back({0x10000, unicode::kNumCodePoints - 1});
    return CodePointSet(std::move(ranges_));
  }

 private:
  void append(const CodePointSet& set) { ranges_.insert(ranges_.end(), set.ranges().begin(), set.ranges().end()); }

  bool ignores_case_;
  bool is_wide_;
  std::vector<CodePointRange> ranges_;
  std::string letters_;  // of the classes in it; \s and \S together are everything
  bool names_surrogates_ = false;
};

}  // namespace

Result<RegexEscape> read_regex_escape(Cursor& cursor, bool is_wide) {
  if (cursor.at_end()) return fail("it ends in a backslash");
  const char32_t c = cursor.next();
  switch (c) {
    case 't':
      return literal('\t');
    case 'n':
      return literal('\n');
    case 'v':
      return literal('\v');
    case 'f':
      return literal('\f');
    case 'r':
      return literal('\r');
    case 'a':
      return literal('\a');
    case 'e':
      return literal(0x1B);
    case '0':
      if (cursor.peek() >= '0' && cursor.peek() <= '9') return fail("octal escapes are not supported: write \\xHH");
      return literal(0);
    case 'x': {
      const auto value = read_hex(cursor, 2);
      if (!value) return fail("\\x needs two hexadecimal digits");
      return literal(*value);
    }
    case 'u':
      return read_unicode(cursor, false);
    case 'c': {
      const char32_t letter = cursor.next();
      if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))) return fail("\\c needs a letter");
      return literal(letter % 32);
    }
    case 'd':
    case 'w':
    case 's':
      return RegexEscape{is_wide ? wide_class(static_cast<char>(c)) : narrow_class(static_cast<char>(c)), std::nullopt,
                         static_cast<char>(c)};
    case 'D':
    case 'W':
    case 'S': {
      const auto lower = static_cast<char>(c - 'A' + 'a');
      return RegexEscape{without(is_wide ? narrow_class(lower) : wide_class(lower)), std::nullopt,
                         static_cast<char>(c)};
    }
    case 'p':
    case 'P':
      return read_property(cursor, c == 'P');
    default:
      break;
  }
  if (c >= '1' && c <= '9') return fail("the back-reference \\{} is not regular: no automaton can follow it", c - U'0');
  if (c == 'k') return fail("the back-reference \\k is not regular: no automaton can follow it");
  if (c == 'b' || c == 'B') return fail("the word boundary \\{} is not supported", static_cast<char>(c));
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (is_letter) return fail("the escape \\{} is not supported", static_cast<char>(c));
  return literal(c);
}

Result<CodePointSet> read_regex_class(Cursor& cursor, bool ignores_case, bool is_wide) {
  const bool inverted = cursor.take("^");
  const bool wants_wide = inverted != is_wide;
  if (cursor.sees("]")) return fail("dialects differ about a class that begins with ']': write \\]");
  ClassMembers members(ignores_case, wants_wide);
  while (!cursor.take("]")) {
    if (cursor.at_end()) return fail("a character class is not closed");
    if (cursor.sees("[:") && cursor.rest().find(":]") != std::string_view::npos) {
      return fail("dialects differ about [:…:] in a class: write out its characters");
    }
    TRY(const RegexEscape first, read_member(cursor, wants_wide));
    if (!cursor.sees("-") || cursor.sees("-]")) {
      TRY_STATUS(members.add(first));
      continue;
    }
    if (!first.literal && cursor.sees("--")) return fail("dialects differ about -- in a class: write \\-");
    cursor.next();
    if (cursor.at_end()) return fail("a character class is not closed");
    TRY(const RegexEscape last, read_member(cursor, wants_wide));
    if (first.literal && last.literal) {
      TRY_STATUS(members.add_range(*first.literal, *last.literal));
      continue;
    }
    // A set is no end of a range: dialects that allow it take the '-' for itself.
    for (const RegexEscape& member : {first, literal('-'), last}) TRY_STATUS(members.add(member));
  }
  const CodePointSet set = members.take();
  return inverted ? without(set) : set.intersected(scalar_values());
}

CodePointSet with_other_case(const CodePointSet& set, bool is_wide) {
  if (is_wide) return with_case(set, true);
  std::vector<CodePointRange> ranges(set.ranges().begin(), set.ranges().end());
  for (char32_t c = 'a'; c <= 'z'; ++c) {
    const char32_t upper = c - 'a' + 'A';
    if (set.contains(c)) ranges.push_back({upper, upper});
    if (set.contains(upper)) ranges.push_back({c, c});
  }
  return CodePointSet(std::move(ranges));
}

}  // namespace braid::grammar
