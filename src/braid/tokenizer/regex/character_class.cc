#include "braid/tokenizer/regex/character_class.h"

#include <utf8proc.h>

#include <optional>
#include <utility>
#include <vector>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

using unicode::CodePointRange;
using unicode::CodePointSet;

constexpr int kMaxClassDepth = 32;
// Longer ranges are used unchanged when case is ignored. No published pattern has one.
constexpr char32_t kMaxCasedRange = 0x1000;

int hex_digit(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

Result<Escape> literal(char32_t c) {
  return Escape{CodePointSet::of(c), c};
}

// \xHH, \x{H…}, \uHHHH: `max_digits` applies without braces.
Result<Escape> read_hex(PatternCursor& cursor, int max_digits) {
  const bool in_braces = cursor.take('{');
  char32_t value = 0;
  int num_digits = 0;
  while (num_digits < (in_braces ? 8 : max_digits) && hex_digit(cursor.peek()) >= 0) {
    value = value * 16 + static_cast<char32_t>(hex_digit(cursor.next()));
    ++num_digits;
  }
  if (num_digits == 0 || (in_braces && !cursor.take('}')) || value >= unicode::kNumCodePoints) {
    return fail("a hexadecimal escape is malformed");
  }
  return literal(value);
}

Result<Escape> read_property(PatternCursor& cursor, bool inverted) {
  if (!cursor.take('{')) return fail("\\p needs a property's name in braces");
  if (cursor.take('^')) inverted = !inverted;
  const std::string name = cursor.take_until('}');
  const std::optional<CodePointSet> set = unicode::property(name);
  if (!set) return fail("the property \\p{{{}}} is not known", name);
  return Escape{inverted ? set->inverted() : *set, std::nullopt};
}

Escape set_escape(const CodePointSet& set, bool inverted) {
  return {inverted ? set.inverted() : set, std::nullopt};
}

// [:alpha:] and the like, after the "[:".
Result<CodePointSet> read_posix(PatternCursor& cursor) {
  const bool inverted = cursor.take('^');
  const std::string name = cursor.take_until(':');
  static constexpr std::string_view kKnown[] = {"alpha", "digit", "space", "word", "punct"};
  for (const std::string_view known : kKnown) {
    if (name != known || !cursor.take(']')) continue;
    const std::optional<CodePointSet> set = unicode::property(name);
    return inverted ? set->inverted() : *set;
  }
  return fail("the class [:{}:] is not supported", name);
}

Result<CodePointSet> parse_nested_class(PatternCursor& cursor, bool ignores_case, int depth);

// One member of a class: a literal (which may start a range), an escape, or a nested class.
Result<Escape> read_member(PatternCursor& cursor, bool ignores_case, int depth) {
  if (cursor.take("[:")) {
    TRY(CodePointSet set, read_posix(cursor));
    return Escape{std::move(set), std::nullopt};
  }
  if (cursor.take('[')) {
    TRY(CodePointSet set, parse_nested_class(cursor, ignores_case, depth + 1));
    return Escape{std::move(set), std::nullopt};
  }
  if (cursor.take('\\')) {
    if (cursor.take('b')) return literal('\b');
    return read_escape(cursor, true);
  }
  return literal(cursor.next());
}

Result<CodePointSet> parse_nested_class(PatternCursor& cursor, bool ignores_case, int depth) {
  if (depth > kMaxClassDepth) return fail("classes are nested deeper than {}", kMaxClassDepth);
  const bool inverted = cursor.take('^');
  std::optional<CodePointSet> left;  // the operand before an &&
  std::vector<CodePointRange> ranges;
  const auto finish_operand = [&] {
    CodePointSet set(std::exchange(ranges, {}));
    left = left ? left->intersected(set) : std::move(set);
  };
  const auto add = [&ranges](const CodePointSet& set) {
    ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end());
  };
  for (bool is_first = true;; is_first = false) {
    if (cursor.at_end()) return fail("a character class is not closed");
    if (!is_first && cursor.take(']')) break;
    if (cursor.take("&&")) {
      finish_operand();
      continue;
    }
    TRY(Escape member, read_member(cursor, ignores_case, depth));
    if (!member.literal) {
      add(member.set);
      continue;
    }
    char32_t last = *member.literal;
    PatternCursor ahead = cursor;
    if (ahead.take('-') && !ahead.at_end() && ahead.peek() != ']' && ahead.peek() != '[') {
      TRY(Escape end, read_member(ahead, ignores_case, depth));
      if (end.literal) {
        last = *end.literal;
        cursor = ahead;
      }
    }
    if (last < *member.literal) return fail("a range in a character class runs backwards");
    add(with_case(CodePointSet({{*member.literal, last}}), ignores_case));
  }
  finish_operand();
  return inverted ? left->inverted() : *left;
}

}  // namespace

char32_t PatternCursor::peek() const {
  return rest_.empty() ? 0 : unicode::decode_valid(rest_.data());
}

char32_t PatternCursor::next() {
  const char32_t c = peek();
  rest_.remove_prefix(rest_.empty() ? 0 : unicode::sequence_length(rest_.front()));
  return c;
}

bool PatternCursor::take(char32_t wanted) {
  if (rest_.empty() || peek() != wanted) return false;
  next();
  return true;
}

bool PatternCursor::take(std::string_view wanted) {
  if (!rest_.starts_with(wanted)) return false;
  rest_.remove_prefix(wanted.size());
  return true;
}

std::string PatternCursor::take_bounds() {
  size_t i = 0;
  const auto skip_digits = [&] {
    const size_t start = i;
    while (i < rest_.size() && rest_[i] >= '0' && rest_[i] <= '9') ++i;
    return i - start;
  };
  const size_t low = skip_digits();
  bool has_comma = false;
  size_t high = 0;
  if (i < rest_.size() && rest_[i] == ',') {
    has_comma = true;
    ++i;
    high = skip_digits();
  }
  if (i >= rest_.size() || rest_[i] != '}' || (low == 0 && high == 0)) return {};
  const std::string_view first = low == 0 ? "0" : rest_.substr(0, low);
  const std::string bounds = fmt::format("{{{}{}{}}}", first, has_comma ? "," : "",
                                         has_comma ? rest_.substr(low + 1, high) : std::string_view());
  rest_.remove_prefix(i + 1);
  return bounds;
}

std::string PatternCursor::take_until(char end) {
  const size_t length = rest_.find(end);
  const std::string text(rest_.substr(0, length));
  rest_.remove_prefix(length == std::string_view::npos ? rest_.size() : length + 1);
  return text;
}

Result<Escape> read_escape(PatternCursor& cursor, bool in_class) {
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
      return literal(0);
    case 'x':
      return read_hex(cursor, 2);
    case 'u':
      return read_hex(cursor, 4);
    case 'p':
    case 'P':
      return read_property(cursor, c == 'P');
    case 's':
    case 'S':
      return set_escape(unicode::white_space(), c == 'S');
    case 'd':
    case 'D':
      return set_escape(*unicode::property("Nd"), c == 'D');
    case 'w':
    case 'W':
      // Oniguruma itself distinguishes the two.
      return set_escape(in_class ? unicode::class_word_characters() : unicode::word_characters(), c == 'W');
    case 'h':
    case 'H':
      return set_escape(CodePointSet({{'0', '9'}, {'a', 'f'}, {'A', 'F'}}), c == 'H');
    default:
      break;
  }
  const bool is_letter_or_digit = hex_digit(c) >= 0 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (is_letter_or_digit || c == 0) return fail("the escape '\\{}' is not supported", static_cast<char>(c));
  return literal(c);
}

Result<CodePointSet> parse_class(PatternCursor& cursor, bool ignores_case) {
  return parse_nested_class(cursor, ignores_case, 0);
}

CodePointSet with_case(const CodePointSet& set, bool ignores_case) {
  if (!ignores_case) return set;
  std::vector<CodePointRange> ranges(set.ranges().begin(), set.ranges().end());
  for (const CodePointRange& range : set.ranges()) {
    if (range.last - range.first > kMaxCasedRange) continue;
    for (char32_t c = range.first; c <= range.last; ++c) {
      const auto lower = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
      const auto upper = static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
      ranges.push_back({lower, lower});
      ranges.push_back({upper, upper});
      // The two non-ASCII characters that fold to an ASCII letter.
      if (lower == 's') ranges.push_back({0x17F, 0x17F});
      if (lower == 'k') ranges.push_back({0x212A, 0x212A});
    }
  }
  return CodePointSet(std::move(ranges));
}

}  // namespace braid
