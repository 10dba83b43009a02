// Regular expressions against PCRE2: random patterns, texts drawn through their masks (which must match) and random
// texts (which must match there exactly if they do here).
#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <random>

#include "braid/grammar/testing/grammar_testing.h"

namespace braid::grammar {
namespace {

using testing::must;

class Pcre {
 public:
  // With `unicode`, \d and \w are Unicode's, as in some dialects; otherwise ASCII's.
  Pcre(const std::string& pattern, bool unicode) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    const std::string whole = "\\A(?:" + pattern + ")\\z";
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(whole.data()), whole.size(),
                              PCRE2_UTF | (unicode ? PCRE2_UCP : 0U), &error, &offset, nullptr));
    CHECK(code_ != nullptr, "PCRE2 refuses {} at {}: error {}", pattern, offset, error);
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }
  bool matches(const std::string& text) const {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, match_.get(),
                       nullptr) >= 0;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> match_;
};

// Patterns over few letters, so that random texts have a chance to match.
std::string random_pattern(std::mt19937& random, int depth) {
  static const char* const kAtoms[] = {"a", "b", "é", "漢", "[ab]", "[^a]", "[a-c]", ".", "\\d", "[\\dé]", "\\w", "😀"};
  const auto pick = [&](uint32_t n) { return static_cast<int>(random() % n); };
  std::string pattern;
  const int num_parts = 1 + pick(3);
  for (int i = 0; i < num_parts; ++i) {
    std::string atom = kAtoms[pick(12)];
    if (depth > 0 && pick(2) == 0) atom = "(" + random_pattern(random, depth - 1) + ")";
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
    const Pcre pcre(pattern, false);
    const Pcre pcre_unicode(pattern, true);
    const auto compiled = compiler.regex(pattern);
    if (!compiled.ok()) {  // "()" and the like
      EXPECT_NE(compiled.error().message.find("only the empty text"), std::string::npos) << compiled.error().message;
      continue;
    }
    for (int i = 0; i < 60; ++i) {
      const std::string text = random_text(random);
      const bool expected = pcre.matches(text);
      EXPECT_EQ(testing::accepts(*compiled, text), expected) << '"' << text << '"';
      num_matches += expected ? 1 : 0;
    }
    for (int i = 0; i < 2; ++i) {
      const auto text = testing::draw(*compiled, *tokenizer, 0, random, {.max_tokens = 80});
      if (!text) continue;
      EXPECT_TRUE(pcre.matches(*text)) << '"' << *text << '"';
      EXPECT_TRUE(pcre_unicode.matches(*text)) << '"' << *text << '"';
      ++num_drawn;
    }
  }
  EXPECT_GT(num_matches, 1000);
  EXPECT_GT(num_drawn, 200);
}

}  // namespace
}  // namespace braid::grammar
