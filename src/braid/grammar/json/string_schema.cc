#include "braid/grammar/json/string_schema.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/character_nfa.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;

Result<std::vector<Expr>> expressions_of(const StringSchema& schema) {
  std::vector<Expr> expressions;
  for (const std::string& pattern : schema.patterns) {
    auto parsed = parse_regex(pattern, {.spelling = Spelling::kJsonString, .searches = true});
    if (!parsed.ok()) return fail("\"pattern\": {}", parsed.error().message);
    expressions.push_back(std::move(parsed).value());
  }
  for (const std::string& format : schema.formats) {
    TRY(const std::string_view pattern, format_pattern(format));
    TRY(Expr parsed, parse_regex(pattern, {.spelling = Spelling::kJsonString}));
    expressions.push_back(std::move(parsed));
  }
  return expressions;
}

// "^[set]{m,n}$", whose length can be bounded further without an automaton.
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

}  // namespace

Result<Dfa> string_automaton(const StringSchema& schema) {
  TRY(const std::vector<Expr> expressions, expressions_of(schema));
  std::vector<Dfa> automata = schema.conditions;
  for (const Expr& expression : expressions) {
    TRY(Dfa dfa, dfa_of(*expression));
    automata.push_back(std::move(dfa));
  }
  if (automata.empty()) return length_between(schema.min_length, schema.max_length);
  Dfa whole = automata[0];
  for (size_t i = 1; i < automata.size(); ++i) {
    TRY(whole, intersection(*whole, *automata[i]));
  }
  if (whole->is_empty() || (schema.min_length == 0 && !schema.max_length)) return whole;
  const TextLengths lengths = text_lengths(*whole);
  const bool is_short_enough = !schema.max_length || (lengths.max && *lengths.max <= *schema.max_length);
  if (lengths.min >= schema.min_length && is_short_enough) return whole;
  TRY(const Dfa length, length_between(schema.min_length, schema.max_length));
  return intersection(*whole, *length);
}

Result<Expr> string_content(const StringSchema& schema, const Expr& character) {
  if (schema.max_length && *schema.max_length < schema.min_length) return Expr();
  const uint32_t max_length = schema.max_length.value_or(kUnbounded);
  if (!schema.has_condition()) return repeat(character, schema.min_length, max_length);
  const bool is_alone = schema.patterns.size() + schema.formats.size() + schema.conditions.size() == 1;
  const bool has_length = schema.min_length > 0 || schema.max_length;
  if (is_alone && schema.conditions.empty()) {
    TRY(const std::vector<Expr> expressions, expressions_of(schema));
    if (!has_length) return expressions[0];
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
  TRY(const Dfa dfa, string_automaton(schema));
  if (dfa->is_empty()) return Expr();
  return automaton(dfa, Spelling::kJsonString);
}

}  // namespace braid::grammar
