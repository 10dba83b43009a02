#include "braid/grammar/automaton/search.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "braid/grammar/automaton/look_around.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

Expr parsed(const std::string& pattern) {
  return parse_regex(pattern, {.looks_around = true}).value();
}

Dfa dfa_of_text(const Expr& expression) {
  WorkBudget work(100'000'000, "too much work");
  return dfa_with_look_around(expression, work).value();
}

void expect_same_texts(const Dfa& a, const Dfa& b) {
  WorkBudget work(100'000'000, "too much work");
  const auto has_more = [&](const Dfa& one, const Dfa& other) {
    return !intersection(*one, *complement(*other, work).value(), work).value()->is_empty();
  };
  EXPECT_FALSE(has_more(a, b));
  EXPECT_FALSE(has_more(b, a));
}

Expr any_text() {
  return repeat(characters(scalar_values()), 0);
}

TEST(Search, NeedsNoStatesForWhatIsRepeatedAtItsEdges) {
  const auto num_states = [](const std::string& pattern) {
    return dfa_of_text(followed_by(any_text(), preceded_by(any_text(), parsed(pattern))))->num_states();
  };
  EXPECT_EQ(num_states("[a-z]{1,2048}$"), 2);
  EXPECT_EQ(num_states("^[a-z]{1,2048}"), 2);
  EXPECT_EQ(num_states("[a-z]{1,2048}"), 2);
  EXPECT_EQ(num_states("(x|([a-z]{0,9}[0-9])*){1,2048}"), 1);
  EXPECT_EQ(num_states("^0?$|[a-z]{1,2048}$"), 3);
  EXPECT_EQ(num_states("^[a-z]{1,20}$"), 21);
  EXPECT_EQ(num_states("(b{2,2000}c){1,2000}$"), 4);
}

// Random patterns, with anchors and look-arounds in all places.
std::string random_part(std::mt19937& random, int depth) {
  static const char* const kAtoms[] = {"a", "b", "[ab]", "[^a]", ".", "^", "$", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)"};
  static const char* const kCounts[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}"};
  std::string pattern;
  for (uint32_t i = 0; i < 1 + random() % 3; ++i) {
    const uint32_t atom = random() % 16;
    if (depth > 0 && atom >= 11) {
      pattern += "(" + random_part(random, depth - 1) + ")" + kCounts[random() % 10];
    } else {
      pattern += kAtoms[atom % 11];
      if (atom % 11 < 5) pattern += kCounts[random() % 10];
    }
  }
  if (random() % 3 == 0) pattern += "|" + (depth > 0 ? random_part(random, depth - 1) : "b");
  return pattern;
}

TEST(Search, ChangesNoLanguage) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const std::string pattern = random_part(random, 2);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, pattern));
    const Expr part = parsed(pattern);
    expect_same_texts(dfa_of_text(preceded_by(any_text(), part)), dfa_of_text(sequence({any_text(), part})));
    expect_same_texts(dfa_of_text(followed_by(any_text(), part)), dfa_of_text(sequence({part, any_text()})));
    expect_same_texts(dfa_of_text(followed_by(any_text(), preceded_by(any_text(), part))),
                      dfa_of_text(sequence({any_text(), part, any_text()})));
  }
}

}  // namespace
}  // namespace braid::grammar
