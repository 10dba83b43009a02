#include "braid/grammar/json/pattern_bounds.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace braid::grammar {
namespace {

struct LookAhead {
  uint32_t min = 0;
  std::optional<uint32_t> max;
  std::string whole;  // a pattern: what all characters are
  std::string rest;   // the pattern without the look-ahead
};

bool take(std::string_view& text, std::string_view wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(wanted.size());
  return true;
}

std::optional<uint32_t> take_number(std::string_view& text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// The bytes of the class that `text` begins with; 0 if it does not end.
size_t class_size(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ']' && i > 1) {
      return i + 1;
    }
  }
  return 0;
}

// True if `pattern` is a choice outside of groups: its anchor then belongs to the first branch alone.
bool is_choice(std::string_view pattern) {
  int depth = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (c == '[') {
      i += std::max<size_t>(class_size(pattern.substr(i)), 1) - 1;
    } else if (c == '|' && depth == 0) {
      return true;
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
  }
  return false;
}

// Reads "^(?=", an optional '^', what is counted ('.' or a class), "{min,max}$)" and the rest. Nothing, too, where the
// look-ahead is repeated or its bounds run backwards: what those mean is the parser's to say.
std::optional<LookAhead> look_ahead_of(std::string_view pattern) {
  LookAhead look;
  if (!take(pattern, "^(?=")) return std::nullopt;
  take(pattern, "^");
  const size_t size = pattern.starts_with('.') ? 1 : pattern.starts_with('[') ? class_size(pattern) : 0;
  look.whole = "^" + std::string(pattern.substr(0, size)) + "*$";
  pattern.remove_prefix(size);
  if (size == 0 || !take(pattern, "{")) return std::nullopt;
  const std::optional<uint32_t> min = take_number(pattern);
  if (!min) return std::nullopt;
  look.min = *min;
  look.max = take(pattern, ",") ? take_number(pattern) : min;
  const bool runs_backwards = look.max && *look.max < look.min;
  if (!take(pattern, "}$)") || runs_backwards || is_choice(pattern)) return std::nullopt;
  if (pattern.find_first_of("*+?{") == 0) return std::nullopt;
  look.rest = "^" + std::string(pattern);
  return look;
}

}  // namespace

StringSchema with_bounds_of_patterns(StringSchema schema) {
  for (size_t i = 0; i < schema.patterns.size(); ++i) {
    // What follows a look-ahead may look ahead once more.
    while (std::optional<LookAhead> look = look_ahead_of(schema.patterns[i])) {
      schema.min_length = std::max(schema.min_length, look->min);
      if (look->max) schema.max_length = std::min(*look->max, schema.max_length.value_or(*look->max));
      schema.patterns[i] = std::move(look->rest);
      schema.patterns.push_back(std::move(look->whole));
    }
  }
  return schema;
}

}  // namespace braid::grammar
