// The automata of one schema's strings and numbers. Equal conditions share one automaton, and all together cost a
// bounded amount of work. Tested by schema_limits_test.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/json/number_range.h"
#include "braid/grammar/json/string_schema.h"

namespace braid::grammar {

// Checks whether a text satisfies an automaton. The time hardly depends on the number of classes.
class TextMatcher {
 public:
  explicit TextMatcher(Dfa dfa);

  bool matches(std::string_view utf8) const;

 private:
  struct Span {
    char32_t first = 0;
    char32_t last = 0;
    size_t symbol = 0;
  };

  Dfa dfa_;
  std::vector<Span> spans_;  // of all classes, sorted
};

class Automata {
 public:
  // Automata over the contents of strings.
  Result<Dfa> strings(const StringSchema& schema);
  Result<const TextMatcher*> matcher(const StringSchema& schema);  // `schema` has no `conditions`
  // False if no string satisfies `schema`. Needs no states for each character of its bounds, as strings() may.
  Result<bool> have_text(const StringSchema& schema);
  Result<Dfa> numbers(const NumberRange& range);
  // Of what is in both; of every text but these. Many objects of a schema have the same patterns and names.
  Result<Dfa> both(const Dfa& a, const Dfa& b);
  Result<Dfa> all_but(const Dfa& texts);
  Result<Dfa> all_but(const std::vector<std::string>& texts);

  WorkBudget& work() { return work_; }

 private:
  // A key for a schema without `conditions`; short, however long its patterns are.
  Result<std::string> key_of(const StringSchema& schema);
  Result<size_t> number_of(const std::string& text);
  Result<Dfa> pattern(const std::string& pattern);
  Result<Dfa> format(const std::string& name);
  Result<Dfa> make_strings(const StringSchema& schema);

  std::unordered_map<std::string, size_t> numbers_of_texts_;
  std::unordered_map<std::string, Dfa> known_;
  std::unordered_map<std::string, std::unique_ptr<const TextMatcher>> matchers_;
  // By the automata that they were made of; none beside the first in a complement.
  std::map<std::pair<Dfa, Dfa>, Dfa> combined_;
  std::unordered_map<std::string, Dfa> all_but_;  // by the texts, each with its length
  WorkBudget work_{16'000'000, "the conditions on texts and numbers are too much work together"};
};

}  // namespace braid::grammar
