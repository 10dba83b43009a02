#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/character_nfa.h"
#include "braid/grammar/json/automata.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

constexpr size_t kWork = 100'000'000;

// All texts of up to `most` letters.
std::vector<std::string> abc_texts(size_t most) {
  std::vector<std::string> texts = {""};
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == most) continue;
    for (const char letter : {'a', 'b', 'c'}) texts.push_back(texts[i] + letter);
  }
  return texts;
}

void expect_minimal(const CharacterDfa& dfa) {
  const CharacterDfa again = minimized(dfa);
  EXPECT_EQ(dfa.num_states(), again.num_states());
  EXPECT_EQ(dfa.classes.size(), again.classes.size());
}

TEST(DfaOperations, AListOfTextsSharesItsEnds) {
  WorkBudget work(kWork, "too much work");
  const auto few = one_of(std::vector<std::string>{"xabc", "yabc", "zabc", "zab"}, work).value();
  expect_minimal(*few);
  EXPECT_EQ(few->num_states(), 8);
  const std::vector<std::string> texts = abc_texts(5);
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::string> listed;
    for (uint32_t j = 0; j < 1 + random() % 20; ++j) listed.push_back(texts[random() % texts.size()]);
    const Dfa dfa = one_of(listed, work).value();
    expect_minimal(*dfa);
    const TextMatcher matcher(dfa);
    for (const std::string& text : texts) {
      EXPECT_EQ(matcher.matches(text), std::ranges::find(listed, text) != listed.end()) << text;
    }
  }
}

TEST(DfaOperations, OppositesAreMinimal) {
  WorkBudget work(kWork, "too much work");
  const std::vector<std::string> texts = abc_texts(6);
  for (const char* pattern :
       {"", "a", "a*", "(a|b)*a", "^a.*$", "^(ab|ba)*c?$", "^[^b]+$", "^.*$", "^(?s:.*)$", "[a-c]{2}$"}) {
    SCOPED_TRACE(pattern);
    const Dfa dfa = dfa_of(*parse_regex(pattern, {.searches = true}).value(), work).value();
    const Dfa opposite = complement(*dfa, work).value();
    expect_minimal(*opposite);
    const TextMatcher matcher(dfa);
    const TextMatcher others(opposite);
    for (const std::string& text : texts) EXPECT_NE(matcher.matches(text), others.matches(text)) << text;
    EXPECT_EQ(complement(*opposite, work).value()->num_states(), dfa->num_states());
  }
}

}  // namespace
}  // namespace braid::grammar
