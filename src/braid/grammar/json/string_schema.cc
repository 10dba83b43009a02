#include "braid/grammar/json/string_schema.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/look_around.h"
#include "braid/grammar/json/automata.h"
#include "braid/grammar/json/pattern_bounds.h"
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

// True if each of its texts begins (ends) with this anchor.
bool has_at_edge(const Expression& expression, Kind anchor) {
  const auto has = [&](const Expr& part) { return has_at_edge(*part, anchor); };
  const std::vector<Expr>& parts = expression.parts;
  if (expression.kind == Kind::kChoice) return !parts.empty() && std::ranges::all_of(parts, has);
  if (expression.kind != Kind::kSequence) return expression.kind == anchor;
  return !parts.empty() && has(anchor == Kind::kStart ? parts.front() : parts.back());
}

// The lengths of an expression's texts lie between these.
TextLengths lengths_of(const Expression& expression) {
  const auto limited = [](uint64_t length) { return static_cast<uint32_t>(std::min<uint64_t>(length, kUnbounded)); };
  uint32_t min = 0;
  uint32_t max = 0;
  switch (expression.kind) {
    case Kind::kStart:
    case Kind::kEnd:
      break;
    case Kind::kCharacters:
      min = max = 1;
      break;
    case Kind::kSequence:
      for (const Expr& part : expression.parts) {
        const TextLengths lengths = lengths_of(*part);
        if (has_at_edge(*part, Kind::kStart)) max = 0;  // what is before it is empty
        min = limited(uint64_t{min} + lengths.min);
        max = limited(uint64_t{max} + lengths.max.value_or(kUnbounded));
        if (has_at_edge(*part, Kind::kEnd)) break;  // what follows is empty
      }
      break;
    case Kind::kChoice:
      min = kUnbounded;
      for (const Expr& part : expression.parts) {
        const TextLengths lengths = lengths_of(*part);
        min = std::min(min, lengths.min);
        max = std::max(max, lengths.max.value_or(kUnbounded));
      }
      break;
    case Kind::kRepeat: {
      const TextLengths lengths = lengths_of(*expression.parts[0]);
      min = limited(uint64_t{lengths.min} * expression.min);
      max = lengths.max == 0U ? 0 : limited(uint64_t{lengths.max.value_or(kUnbounded)} * expression.max);
      break;
    }
    default:
      max = kUnbounded;
  }
  return {.min = min, .max = max == kUnbounded ? std::nullopt : std::optional(max)};
}

// The automaton's texts of `min` to `max` characters, as bounded_automaton() counts them. Null if it cannot, or if all
// texts have such a length.
Expr counted(const Dfa& texts, uint32_t min, uint32_t max) {
  const LengthGraph graph = length_graph(*texts);
  const std::vector<TextLengths> lengths = text_lengths(graph);
  const TextLengths& all = lengths[static_cast<size_t>(texts->start)];
  const uint32_t longest = all.max.value_or(kUnbounded);
  if (all.min >= min) min = 0;
  if (longest <= max) max = kUnbounded;
  const bool is_bounded = min > 0 || max != kUnbounded;
  const bool has_text = std::max(all.min_not_empty, min) <= std::min(longest, max);
  const bool is_countable = is_bounded && has_text && have_small_gaps(graph, lengths, room_between(min, max));
  return is_countable ? bounded_automaton(texts, Spelling::kJsonString, min, max) : nullptr;
}

// Where bounds cannot be counted beside `texts`, they need its states once for each character. Where that is too much,
// texts are kept shorter than they may be: a style, as with numbers.
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

Result<Expr> string_content(const StringSchema& given, const Expr& character, Automata& automata) {
  const StringSchema schema = with_bounds_of_patterns(given);
  if (schema.max_length && *schema.max_length < schema.min_length) return Expr();
  const uint32_t max_length = schema.max_length.value_or(kUnbounded);
  if (!schema.has_condition()) return repeat(character, schema.min_length, max_length);
  const bool is_alone = schema.patterns.size() + schema.formats.size() + schema.conditions.size() == 1;
  if (is_alone && schema.conditions.empty()) {
    TRY(const Expr whole,
        schema.patterns.empty() ? format_expression(schema.formats[0]) : pattern_expression(schema.patterns[0]));
    const TextLengths lengths = lengths_of(*whole);
    const bool is_within = lengths.min >= schema.min_length && lengths.max.value_or(kUnbounded) <= max_length;
    // An automaton would write out the pattern's own counts.
    if (is_within && !has_look_around(*whole)) return whole;
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
  StringSchema any_length = schema;
  any_length.min_length = 0;
  any_length.max_length.reset();
  TRY(const Dfa texts, automata.strings(any_length));
  if (texts->is_empty()) return Expr();
  if (Expr bounded_texts = counted(texts, schema.min_length, max_length)) return bounded_texts;
  StringSchema bounded = schema;
  if (schema.max_length) bounded.max_length = affordable_length(*texts, schema);
  TRY(const Dfa dfa, automata.strings(bounded));
  if (dfa->is_empty()) return Expr();
  return automaton(dfa, Spelling::kJsonString);
}

}  // namespace braid::grammar
