#include "braid/grammar/json/automata.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/character_nfa.h"
#include "braid/grammar/automaton/look_around.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

std::string spelled(const Decimal& decimal) {
  return fmt::format("{}{}.{}", decimal.is_negative ? "-" : "", decimal.integer, decimal.fraction);
}

std::string spelled(const NumberRange& range) {
  std::string key = range.is_integer ? "integers" : range.is_fraction ? "fractions" : "numbers";
  if (range.min) key += (range.min->is_exclusive ? " >" : " >=") + spelled(range.min->value);
  if (range.max) key += (range.max->is_exclusive ? " <" : " <=") + spelled(range.max->value);
  for (const Decimal& multiple : range.multiples_of) key += " *" + spelled(multiple);
  return key;
}

}  // namespace

TextMatcher::TextMatcher(Dfa dfa) : dfa_(std::move(dfa)) {
  for (size_t symbol = 0; symbol < dfa_->classes.size(); ++symbol) {
    for (const auto& range : dfa_->classes[symbol].ranges()) spans_.push_back({range.first, range.last, symbol});
  }
  std::ranges::sort(spans_, {}, &Span::first);
}

bool TextMatcher::matches(std::string_view utf8) const {
  int32_t state = dfa_->start;
  for (; !utf8.empty() && state != CharacterDfa::kDead; utf8.remove_prefix(unicode::sequence_length(utf8.front()))) {
    const char32_t c = unicode::decode_valid(utf8.data());
    const auto after = std::ranges::upper_bound(spans_, c, {}, &Span::first);
    if (after == spans_.begin() || c > std::prev(after)->last) return false;
    state = dfa_->target(state, std::prev(after)->symbol);
  }
  return state != CharacterDfa::kDead && dfa_->accepts[static_cast<size_t>(state)] != 0;
}

Result<size_t> Automata::number_of(const std::string& text) {
  TRY_STATUS(work_.spend(1 + text.size() / 64));
  return numbers_of_texts_.emplace(text, numbers_of_texts_.size()).first->second;
}

Result<std::string> Automata::key_of(const StringSchema& schema) {
  std::string key = fmt::format("strings {} {}", schema.min_length, schema.max_length.value_or(UINT32_MAX));
  for (const std::string& text : schema.patterns) {
    TRY(const size_t number, number_of(text));
    key += fmt::format(" p{}", number);
  }
  for (const std::string& name : schema.formats) {
    TRY(const size_t number, number_of(name));
    key += fmt::format(" f{}", number);
  }
  return key;
}

Result<Dfa> Automata::strings(const StringSchema& schema) {
  if (!schema.conditions.empty()) return make_strings(schema);
  TRY(std::string key, key_of(schema));
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  TRY(Dfa dfa, make_strings(schema));
  known_.emplace(std::move(key), dfa);
  return dfa;
}

Result<const TextMatcher*> Automata::matcher(const StringSchema& schema) {
  CHECK(schema.conditions.empty());
  TRY(const std::string key, key_of(schema));
  auto& known = matchers_[key];
  if (known == nullptr) {
    TRY(Dfa dfa, strings(schema));
    known = std::make_unique<const TextMatcher>(std::move(dfa));
  }
  return known.get();
}

Result<Dfa> Automata::numbers(const NumberRange& range) {
  std::string key = spelled(range);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  TRY(Dfa dfa, number_automaton(range, work_));
  known_.emplace(std::move(key), dfa);
  return dfa;
}

Result<Dfa> Automata::pattern(const std::string& pattern) {
  Dfa& known = known_["pattern " + pattern];
  if (known == nullptr) {
    TRY(const Expr expression, pattern_expression(pattern));
    TRY(known, dfa_with_look_around(expression, work_));
  }
  return known;
}

Result<Dfa> Automata::format(const std::string& name) {
  Dfa& known = known_["format " + name];
  if (known == nullptr) {
    TRY(const Expr expression, format_expression(name));
    TRY(known, dfa_of(*expression, work_));
  }
  return known;
}

Result<Dfa> Automata::make_strings(const StringSchema& schema) {
  std::vector<Dfa> automata = schema.conditions;
  for (const std::string& text : schema.patterns) {
    TRY(Dfa dfa, pattern(text));
    automata.push_back(std::move(dfa));
  }
  for (const std::string& name : schema.formats) {
    TRY(Dfa dfa, format(name));
    automata.push_back(std::move(dfa));
  }
  if (automata.empty()) return length_between(schema.min_length, schema.max_length);
  Dfa whole = automata[0];
  for (size_t i = 1; i < automata.size(); ++i) {
    TRY(whole, intersection(*whole, *automata[i], work_));
  }
  if (whole->is_empty() || (schema.min_length == 0 && !schema.max_length)) return whole;
  const TextLengths lengths = text_lengths(*whole);
  const bool is_short_enough = !schema.max_length || (lengths.max && *lengths.max <= *schema.max_length);
  if (lengths.min >= schema.min_length && is_short_enough) return whole;
  TRY(const Dfa length, length_between(schema.min_length, schema.max_length));
  return intersection(*whole, *length, work_);
}

}  // namespace braid::grammar
