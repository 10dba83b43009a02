#include "braid/grammar/automaton/character_nfa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;
using Places = std::set<size_t>;  // in a text, before a character or at its end

// Where a match of `expression` may end that begins at one of `from`: the definition, step by step.
Places places_after(const Expression& expression, const std::string& text, Places from) {
  Places out;
  switch (expression.kind) {
    case Kind::kCharacters:
      for (const size_t place : from) {
        if (place < text.size() && expression.set.contains(static_cast<char32_t>(text[place]))) out.insert(place + 1);
      }
      return out;
    case Kind::kSequence:
      for (const Expr& part : expression.parts) from = places_after(*part, text, from);
      return from;
    case Kind::kChoice:
      for (const Expr& part : expression.parts) out.merge(places_after(*part, text, from));
      return out;
    case Kind::kRepeat: {
      const Expression& part = *expression.parts[0];
      for (uint32_t i = 0; i < expression.min; ++i) from = places_after(part, text, from);
      out = from;
      const uint32_t most = std::min<uint32_t>(expression.max - expression.min, static_cast<uint32_t>(text.size()));
      for (uint32_t i = 0; i < most; ++i) {
        from = places_after(part, text, from);
        out.insert(from.begin(), from.end());
      }
      return out;
    }
    case Kind::kStart:
      return from.contains(0) ? Places{0} : Places{};
    case Kind::kEnd:
      return from.contains(text.size()) ? Places{text.size()} : Places{};
    default:
      ADD_FAILURE() << "no expression over characters";
      return out;
  }
}

bool matches(const Expression& expression, const std::string& text) {
  return places_after(expression, text, {0}).contains(text.size());
}

bool accepts(const CharacterDfa& dfa, const std::string& text) {
  int32_t state = dfa.start;
  for (const char c : text) {
    if (state == CharacterDfa::kDead) return false;
    const auto has = [&](const unicode::CodePointSet& set) { return set.contains(static_cast<char32_t>(c)); };
    const auto found = std::ranges::find_if(dfa.classes, has);
    if (found == dfa.classes.end()) return false;
    state = dfa.target(state, static_cast<size_t>(found - dfa.classes.begin()));
  }
  return state != CharacterDfa::kDead && dfa.accepts[static_cast<size_t>(state)] != 0;
}

// All texts of up to `max_length` of a, b, c and d.
std::vector<std::string> short_texts(size_t max_length) {
  std::vector<std::string> texts = {""};
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == max_length) break;
    for (const char c : {'a', 'b', 'c', 'd'}) texts.push_back(texts[i] + c);
  }
  return texts;
}

class RandomExpressions {
 public:
  explicit RandomExpressions(uint32_t seed) : random_(seed) {}

  Expr next(int depth) {
    switch (below(depth == 0 ? 2 : 8)) {
      case 0:
      case 1: {  // overlapping sets: several of them read one character
        const char32_t first = U'a' + below(3);
        return characters(unicode::CodePointSet({{first, first + below(3)}}));
      }
      case 2:
      case 3:
        return sequence({next(depth - 1), next(depth - 1)});
      case 4:
        return choice({next(depth - 1), next(depth - 1)});
      case 5:
        return below(2) == 0 ? text_start() : text_end();
      default: {
        const uint32_t min = below(3);
        return repeat(next(depth - 1), min, below(3) == 0 ? kUnbounded : min + below(3));
      }
    }
  }

 private:
  uint32_t below(uint32_t end) { return static_cast<uint32_t>(random_() % end); }

  std::mt19937 random_;
};

TEST(CharacterNfa, AutomatonAcceptsWhatTheExpressionMatches) {
  const std::vector<std::string> texts = short_texts(4);
  size_t num_accepted = 0;
  for (uint32_t seed = 0; seed < 500; ++seed) {
    const Expr expression = RandomExpressions(seed).next(4);
    WorkBudget work(1'000'000, "too much work");
    const auto dfa = dfa_of(*expression, work);
    ASSERT_TRUE(dfa.ok()) << "seed " << seed;
    for (const std::string& text : texts) {
      const bool is_accepted = accepts(**dfa, text);
      ASSERT_EQ(is_accepted, matches(*expression, text)) << "seed " << seed << ", text \"" << text << "\"";
      num_accepted += is_accepted ? 1 : 0;
    }
  }
  EXPECT_GT(num_accepted, 1000U);
}

// Sets of states that pass on to each other in a circle, and chains of them longer than are passed at once.
TEST(CharacterNfa, EmptyLoopsAndLongChainsOfThem) {
  const Expr letter = characters(unicode::CodePointSet({{'a', 'b'}}));
  const Expr loop = repeat(repeat(optional(letter), 0), 0);
  Expr nested = letter;
  for (int i = 0; i < 200; ++i) nested = choice({nested, no_text()});
  WorkBudget work(1'000'000, "too much work");
  const Dfa dfa = dfa_of(*sequence({loop, characters(unicode::CodePointSet({{'c', 'c'}})), nested}), work).value();
  EXPECT_TRUE(accepts(*dfa, "ca"));
  EXPECT_TRUE(accepts(*dfa, "ababcb"));
  EXPECT_FALSE(accepts(*dfa, "ab"));
  EXPECT_FALSE(accepts(*dfa, "c"));
  EXPECT_FALSE(accepts(*dfa, "caa"));
}

}  // namespace
}  // namespace braid::grammar
