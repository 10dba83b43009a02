// Compares regular expressions with PCRE2 on random patterns. Texts sampled through the masks must match in PCRE2;
// random texts must match in both or in neither.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/grammar/grammars.h"
#include "tests/support/grammar/pcre.h"

namespace braid::grammar {
namespace {

using testing::must;

// Patterns over few letters, so that random texts have a chance to match.
std::string random_pattern(std::mt19937& random, int depth, bool looks = false) {
  static const char* const kAtoms[] = {"a", "b", "é", "漢", "[ab]", "[^a]", "[a-c]", ".", "\\d", "[\\dé]", "\\w", "😀"};
  const auto pick = [&](uint32_t n) { return static_cast<int>(random() % n); };
  std::string pattern;
  const int num_parts = 1 + pick(3);
  for (int i = 0; i < num_parts; ++i) {
    std::string atom = kAtoms[pick(12)];
    if (depth > 0 && pick(2) == 0) atom = "(" + random_pattern(random, depth - 1) + ")";
    if (looks && pick(4) == 0) {
      static const char* const kLooks[] = {"(?=", "(?!", "(?<=", "(?<!"};
      // What lies behind has one length in PCRE2.
      const int kind = pick(4);
      pattern += kLooks[kind] + (kind < 2 ? random_pattern(random, depth - 1) : kAtoms[pick(12)]);
      pattern += kind < 2 && pick(2) == 0 ? "$)" : ")";
    }
    switch (pick(8)) {
      case 0:
        atom += "*";
        break;
      case 1:
        atom += "+";
        break;
      case 2:
        atom += "?";
        break;
      case 3:
        atom += fmt::format("{{{},{}}}", pick(3), 2 + pick(9));
        break;
      case 4:
        atom += fmt::format("{{{}}}", 1 + pick(5));
        break;
      case 5:
        atom += fmt::format("{{{},}}", pick(3));
        break;
      default:
        break;
    }
    pattern += atom;
  }
  if (depth > 0 && pick(3) == 0) pattern += "|" + random_pattern(random, depth - 1);
  return pattern;
}

std::string random_text(std::mt19937& random) {
  static const char* const kLetters[] = {"a", "b", "c", "é", "漢", "1", "😀", "x"};
  std::string text;
  const auto length = random() % 9;
  for (uint32_t i = 0; i < length; ++i) text += kLetters[random() % 8];
  return text;
}

TEST(RegexReference, TextsMatchExactlyIfPcreMatchesThem) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  int num_matches = 0;
  int num_drawn = 0;
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const std::string pattern = random_pattern(random, 2);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, pattern));
    const auto pcre = testing::Pcre::compile(pattern, false);
    const auto pcre_unicode = testing::Pcre::compile(pattern, true);
    ASSERT_TRUE(pcre && pcre_unicode);
    const auto compiled = compiler.regex(pattern);
    if (!compiled.ok()) {  // "()" and the like
      EXPECT_NE(compiled.error().message.find("only the empty text"), std::string::npos) << compiled.error().message;
      continue;
    }
    for (int i = 0; i < 60; ++i) {
      const std::string text = random_text(random);
      const auto expected = pcre->matches(text);
      ASSERT_TRUE(expected);
      EXPECT_EQ(testing::accepts(*compiled, text), *expected) << '"' << text << '"';
      num_matches += *expected ? 1 : 0;
    }
    for (int i = 0; i < 2; ++i) {
      const auto text = testing::draw(*compiled, *tokenizer, 0, random, {.max_tokens = 80});
      if (!text) continue;
      EXPECT_EQ(pcre->matches(*text), true) << '"' << *text << '"';
      EXPECT_EQ(pcre_unicode->matches(*text), true) << '"' << *text << '"';
      ++num_drawn;
    }
  }
  EXPECT_GT(num_matches, 1000);
  EXPECT_GT(num_drawn, 200);
}

// Texts of ASCII, on which the dialects agree.
TEST(RegexReference, LookAroundsAreThoseOfPcre) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  int num_matches = 0;
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const std::string pattern = random_pattern(random, 1, true);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, pattern));
    const auto pcre = testing::Pcre::compile(pattern, false);
    ASSERT_TRUE(pcre);
    const auto compiled = compiler.regex(pattern);
    const auto is_refused_for = [&](const char* cost) {
      return !compiled.ok() && compiled.error().message.find(cost) != std::string::npos;
    };
    if (is_refused_for("work") || is_refused_for("states")) continue;
    for (int i = 0; i < 100; ++i) {
      std::string text;
      const auto length = random() % 6;
      for (uint32_t j = 0; j < length; ++j) text += "abc1x"[random() % 5];
      const auto expected = pcre->matches(text);
      ASSERT_TRUE(expected);
      const bool is_match = compiled.ok() ? testing::accepts(*compiled, text) : text.empty() && *expected;
      EXPECT_EQ(is_match, *expected) << '"' << text << '"';
      num_matches += *expected ? 1 : 0;
    }
  }
  EXPECT_GT(num_matches, 1000);
}

}  // namespace
}  // namespace braid::grammar
