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

Result<bool> Automata::have_text(const StringSchema& schema) {
  if (schema.max_length && *schema.max_length < schema.min_length) return false;
  if (!schema.has_condition()) return true;
  StringSchema any_length = schema;
  any_length.min_length = 0;
  any_length.max_length.reset();
  TRY(const Dfa texts, strings(any_length));
  if (texts->is_empty()) return false;
  const LengthGraph graph = length_graph(*texts);
  const std::vector<TextLengths> lengths = text_lengths(graph);
  const TextLengths& all = lengths[static_cast<size_t>(texts->start)];
  const uint32_t longest = all.max.value_or(UINT32_MAX);
  const uint32_t max_length = schema.max_length.value_or(UINT32_MAX);
  if (all.min > max_length || longest < schema.min_length) return false;
  const bool has_edge = all.min >= schema.min_length || longest <= max_length || !schema.max_length;
  if (has_edge || have_small_gaps(graph, lengths, max_length - schema.min_length + 1)) return true;
  TRY(const Dfa bounded, strings(schema));
  return !bounded->is_empty();
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

Result<Dfa> Automata::both(const Dfa& a, const Dfa& b) {
  Dfa& known = combined_[{a, b}];
  if (known == nullptr) {
    TRY(known, intersection(*a, *b, work_));
  }
  return known;
}

Result<Dfa> Automata::all_but(const Dfa& texts) {
  Dfa& known = combined_[{texts, nullptr}];
  if (known == nullptr) {
    TRY(known, complement(*texts, work_));
  }
  return known;
}

Result<Dfa> Automata::all_but(const std::vector<std::string>& texts) {
  std::string key;
  for (const std::string& text : texts) key += fmt::format("{} {}", text.size(), text);
  Dfa& known = all_but_[std::move(key)];
  if (known == nullptr) {
    TRY(const Dfa listed, one_of(texts, work_));
    TRY(known, complement(*listed, work_));
  }
  return known;
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
  std::vector<Dfa> automata;
  const auto add = [&](const Dfa& dfa) {
    if (std::ranges::find(automata, dfa) == automata.end()) automata.push_back(dfa);
  };
  std::ranges::for_each(schema.conditions, add);
  for (const std::string& text : schema.patterns) {
    TRY(const Dfa dfa, pattern(text));
    add(dfa);
  }
  for (const std::string& name : schema.formats) {
    TRY(const Dfa dfa, format(name));
    add(dfa);
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
