#include "braid/grammar/json/string_schema.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/look_around.h"
#include "braid/grammar/json/automata.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;

// Recognises "^[set]{m,n}$", whose length can be bounded further without an automaton.
const Expression* repeated_set(const std::string& pattern, Expr& keeper) {
  if (!pattern.starts_with('^') || !pattern.ends_with('$') || pattern.ends_with("\\$")) return nullptr;
  auto whole = parse_regex(pattern, {.spelling = Spelling::kJsonString});
  if (!whole.ok() || (*whole)->kind != Kind::kSequence || (*whole)->parts.size() != 3) return nullptr;
  keeper = *whole;
  const auto& parts = keeper->parts;
  const bool is_set = parts[0]->kind == Kind::kStart && parts[2]->kind == Kind::kEnd &&
                      parts[1]->kind == Kind::kRepeat && parts[1]->parts[0]->kind == Kind::kCharacters;
  return is_set ? parts[1].get() : nullptr;
}

// A bound on length needs the other conditions' states once for each character. Where that is too much, texts are kept
// shorter than they may be: a style, as with numbers.
std::optional<uint32_t> affordable_length(const CharacterDfa& texts, const StringSchema& schema) {
  constexpr uint32_t kMaxCountedStates = 8192;
  constexpr uint32_t kLeastRoom = 32;  // characters above the shortest text
  const TextLengths lengths = text_lengths(texts);
  if (lengths.max && *lengths.max <= *schema.max_length) return schema.max_length;
  const uint32_t fitting = kMaxCountedStates / static_cast<uint32_t>(texts.num_states());
  const bool has_room = fitting >= std::max(schema.min_length, lengths.min) + uint64_t{kLeastRoom};
  return has_room ? std::min(*schema.max_length, fitting) : schema.max_length;
}

}  // namespace

Result<Expr> pattern_expression(const std::string& pattern) {
  auto parsed = parse_regex(pattern, {.spelling = Spelling::kJsonString, .searches = true, .looks_around = true});
  if (!parsed.ok()) return fail("\"pattern\": {}", parsed.error().message);
  return parsed;
}

Result<Expr> format_expression(const std::string& format) {
  TRY(const std::string_view pattern, format_pattern(format));
  return parse_regex(pattern, {.spelling = Spelling::kJsonString});
}

Result<Expr> string_content(const StringSchema& schema, const Expr& character, Automata& automata) {
  if (schema.max_length && *schema.max_length < schema.min_length) return Expr();
  const uint32_t max_length = schema.max_length.value_or(kUnbounded);
  if (!schema.has_condition()) return repeat(character, schema.min_length, max_length);
  const bool is_alone = schema.patterns.size() + schema.formats.size() + schema.conditions.size() == 1;
  const bool has_length = schema.min_length > 0 || schema.max_length;
  if (is_alone && schema.conditions.empty()) {
    if (!has_length) {
      if (schema.patterns.empty()) return format_expression(schema.formats[0]);
      TRY(Expr expression, pattern_expression(schema.patterns[0]));
      if (!has_look_around(*expression)) return expression;
    }
    if (!schema.patterns.empty()) {
      Expr keeper;
      if (const Expression* set = repeated_set(schema.patterns[0], keeper)) {
        const uint32_t min = std::max(set->min, schema.min_length);
        const uint32_t max = std::min(set->max, max_length);
        if (max < min) return Expr();
        return repeat(set->parts[0], min, max);
      }
    }
  }
  StringSchema bounded = schema;
  if (schema.max_length) {
    StringSchema any_length = schema;
    any_length.min_length = 0;
    any_length.max_length.reset();
    TRY(const Dfa texts, automata.strings(any_length));
    if (texts->is_empty()) return Expr();
    bounded.max_length = affordable_length(*texts, schema);
  }
  TRY(const Dfa dfa, automata.strings(bounded));
  if (dfa->is_empty()) return Expr();
  return automaton(dfa, Spelling::kJsonString);
}

}  // namespace braid::grammar
