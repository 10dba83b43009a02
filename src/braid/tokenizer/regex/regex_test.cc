#include "braid/tokenizer/regex/regex.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

namespace braid {
namespace {

using Matches = std::vector<std::string>;

Matches matches(std::string_view pattern, std::string_view text) {
  const Result<Regex> regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << (regex.ok() ? "" : regex.error().message);
  if (!regex.ok()) return {};
  RegexScratch scratch;
  Matches found;
  regex->for_each_match(text, scratch,
                        [&](size_t begin, size_t end) { found.emplace_back(text.substr(begin, end - begin)); });
  return found;
}

TEST(Regex, ClassesFollowOurOwnUnicode) {
  EXPECT_EQ(matches(R"(\p{L}+)", "a\u00e9 \U00010D50 \u4e2d"), (Matches{"a\u00e9", "\U00010D50", "\u4e2d"}));  // 16.0
  EXPECT_EQ(matches(R"(\s)", "a\u180eb\u3000c"), (Matches{"\u3000"}));
  EXPECT_EQ(matches(R"([^\p{L}\p{N}]+)", "\u00e91!\U0001F600\u0301x"), (Matches{"!\U0001F600\u0301"}));
}

TEST(Regex, CaseIsIgnoredOnlyWhereThePatternSaysSo) {
  EXPECT_EQ(matches(R"((?i:'s)|'t)", "'S 'T '\u017f 't"), (Matches{"'S", "'\u017f", "'t"}));
  EXPECT_EQ(matches(R"((?i)a(?-i:b)c)", "AbC ABC abc"), (Matches{"AbC", "abc"}));
  EXPECT_EQ(matches(R"((?i:[k-l])+)", "KL\u212a"), (Matches{"KL\u212a"}));
}

TEST(Regex, APlusIsPossessiveExceptAfterBounds) {
  EXPECT_EQ(matches("a{1,2}+", "aaaaa"), (Matches{"aaaaa"}));  // a repetition, in Oniguruma's Ruby syntax
  EXPECT_EQ(matches("a++a", "aaa"), Matches{});
  EXPECT_EQ(matches("a{,2}b", "aaab"), (Matches{"aab"}));
  EXPECT_EQ(matches("a{x}", "a{x}"), (Matches{"a{x}"}));
}

TEST(Regex, EachPlaceHasAtMostOneEmptyMatch) {
  EXPECT_EQ(matches("x*", "axxb"), (Matches{"", "xx", ""}));
}

TEST(Regex, ALiteralMeansItself) {
  const Result<Regex> regex = Regex::compile_literal("a.[\u2581");
  ASSERT_TRUE(regex.ok());
  RegexScratch scratch;
  size_t count = 0;
  regex->for_each_match("a.[\u2581abc a.[\u2581", scratch, [&](size_t, size_t) { ++count; });
  EXPECT_EQ(count, 2u);
}

TEST(Regex, ErrorsNameUnsupportedConstructs) {
  for (const char* pattern : {"(a", "a)", "[a", "*", R"(\p{Klingon})", R"(\1)", R"((?R))", "[b-a]", R"(\q)", "\\",
                              R"(\x{110000})", "(?<=a*)b", "\xff", R"([[:klingon:]])", "a{70000}"}) {
    const Result<Regex> regex = Regex::compile(pattern);
    EXPECT_FALSE(regex.ok()) << pattern;
  }
  EXPECT_NE(Regex::compile(R"(x\p{Klingon})").error().message.find("Klingon"), std::string::npos);
  EXPECT_FALSE(Regex::compile(std::string(1000, '(') + std::string(1000, ')')).ok());
  EXPECT_FALSE(Regex::compile(std::string(1000, '[') + std::string(1000, ']')).ok());
}

TEST(Regex, ARunWithARequiredEndTakesLinearTime) {
  const std::string run(1 << 20, ' ');
  const std::clock_t start = std::clock();
  EXPECT_EQ(matches(R"(\s+$)", run + "x"), Matches{});
  EXPECT_EQ(matches(R"(\s+$)", "a" + run), Matches{run});
  EXPECT_EQ(matches(R"(\s+y)", run + "x y"), Matches{" y"});
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
  EXPECT_EQ(matches(R"(\s+$)", " a \n\n b \n"), (Matches{" \n", " \n"}));
  EXPECT_EQ(matches("a+(?=a)", "aaa aa"), (Matches{"aa", "a"}));
  EXPECT_EQ(matches("a+?b?", "aab"), (Matches{"a", "ab"}));
}

TEST(Regex, ManyCutOffSearchesCostLittleMoreThanOne) {
  const Result<Regex> regex = Regex::compile("(?:a+)+b");
  ASSERT_TRUE(regex.ok());
  RegexScratch scratch;
  const std::clock_t start = std::clock();
  for (int piece = 0; piece < 5000; ++piece)
    regex->for_each_match(std::string(50, 'a'), scratch, [](size_t, size_t) {});
  EXPECT_LT(std::clock() - start, 20 * CLOCKS_PER_SEC);
  // The next text is matched normally.
  scratch.start_text();
  size_t count = 0;
  regex->for_each_match(std::string(20, 'a') + "b", scratch, [&](size_t, size_t) { ++count; });
  EXPECT_EQ(count, 1u);
}

TEST(Regex, APatternThatBacktracksWithoutEndIsCutOff) {
  const std::clock_t start = std::clock();
  EXPECT_EQ(matches("(?:a+)+b", std::string(5000, 'a')), Matches{});
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace braid
