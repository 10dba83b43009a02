// Regular expressions as grammars: which texts they accept, and what is refused.
#include <gtest/gtest.h>

#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::accepts;
using testing::judge;
using testing::must;
using testing::Verdict;

class RegexParserTest : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler_{*tokenizer_};

  void expect(const std::string& pattern, const std::vector<std::string>& yes, const std::vector<std::string>& no) {
    testing::expect_texts(compiler_.regex(pattern), pattern, yes, no);
  }
  std::string refusal(const std::string& pattern) {
    const auto grammar = compiler_.regex(pattern);
    return grammar.ok() ? "accepted" : grammar.error().message;
  }
};

TEST_F(RegexParserTest, MatchesTheWholeText) {
  expect("abc", {"abc"}, {"", "ab", "abcd", "xabc"});
  expect("a|bc|", {"a", "bc", ""}, {"b", "abc"});
  expect("(a|b)*abb", {"abb", "aabb", "babb", "ababb"}, {"", "ab", "abba"});
  expect("a?b+c*", {"b", "ab", "bbcc"}, {"", "a", "ac"});
  expect("x{2}y{1,3}z{2,}", {"xxyzz", "xxyyyzzzz"}, {"xyzz", "xxyyyyzz", "xxyz"});
  expect("(ab){2,3}", {"abab", "ababab"}, {"ab", "abababab"});
  expect("[a-c]{3,5}", {"abc", "cbabc"}, {"ab", "abcabc", "abd"});
  expect("a{0}b", {"b"}, {"ab"});
  expect("(a*)*b", {"b", "aaab"}, {"a"});
  expect("a{x}{2", {"a{x}{2"}, {"aa"});
}

TEST_F(RegexParserTest, MatchesCharactersNotBytes) {
  expect("é{2}", {"éé"}, {"é", "\xC3\xC3\xA9\xA9"});
  expect("[α-ω]+", {"αβγ", "ω"}, {"", "Α", "a"});
  expect("[^a]", {"b", "é", "漢", "😀", "\n"}, {"a", "", "bb", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80"});
  expect(".", {"b", "漢", "😀"}, {"\n", "\r", "\xE2\x80\xA8"});
  expect("(?s).", {"\n"}, {});
  expect("\\u00e9\\u{1F600}\\x41", {"é😀A"}, {});
  expect("\\ud83d\\ude00", {"😀"}, {});
  expect("\\p{Lu}\\p{Ll}+", {"Ünü", "Ab"}, {"ab", "A1"});
}

TEST_F(RegexParserTest, ClassesAreWhatAllDialectsAgreeOn) {
  expect("\\d\\D", {"1a", "1漢"}, {"11", "a1", "1٣", "٣a"});
  expect("\\w\\W", {"a-", "_ "}, {"aa", "é-", "aé"});
  expect("\\s\\S", {" a", "\n漢"}, {"  ", "aa", " \xC2\xA0", "\xC2\xA0x"});
  expect("[\\s\\S]+", {" a\xC2\xA0漢"}, {});
  expect("[^\\d]", {"a"}, {"1", "٣"});
  expect("[a\\-z]+", {"a-z"}, {"b"});
  expect("[a-]+", {"a-"}, {"b"});
  expect("[\\w-.]+", {"a-b.c"}, {"a+b", "é"});
  expect("[+-\\d]+", {"+-1"}, {",", "a"});
  expect("[^\\w-.]", {"+", "/"}, {"a", "-", "."});
  expect("\\p{ASCII}\\P{ASCII}", {"aé", "\x01漢"}, {"aa", "éa"});
  expect("(?i)aB[c-e]", {"ABC", "abD"}, {"abf"});
  expect("(?i:a)b", {"Ab", "ab"}, {"AB"});
}

// Halves of pairs are no characters of a text. A dialect that reads texts as halves finds them in an emoji.
TEST_F(RegexParserTest, HalvesOfPairsInAClassMatchNothing) {
  expect("[ -\\uD7FF\\uE000-\\uFFFD\\uD800\\uDBFF-\\uDC00\\uDFFF]+", {"a漢", "\xEF\xBF\xBD"}, {"😀", "\n", "a😀"});
  expect("a[\\uD83C-\\uDBFF]?", {"a"}, {"😀", "a😀", "a\xED\xA0\xBC"});
  expect("[^\\uD800-\\uDFFF]", {"a", "漢"}, {"😀", "aa"});
  expect("(?![\\uD800-\\uDFFF]).", {"a", "漢"}, {"😀"});
  expect("[\\uD83D\\uDE00-\\uD83D\\uDE02]", {"😀", "😁"}, {"😃", "a"});
  EXPECT_NE(refusal("[\\uD83C-\\uDBFF\\uDC00-\\uDFFF]").find("half of a pair to a pair"), std::string::npos);
  EXPECT_NE(refusal("a\\uD83C").find("half of a pair"), std::string::npos);
  EXPECT_NE(refusal("a\\uD83C\\u0041").find("half of a pair"), std::string::npos);
}

TEST_F(RegexParserTest, AnchorsMatchOnlyAtTheEnds) {
  expect("^abc$", {"abc"}, {"xabc"});
  expect("^a|b$", {"a", "b"}, {"ab"});
  expect("(^a|b)c", {"ac", "bc"}, {});
  expect("x(^a|b)c", {"xbc"}, {"xac"});
  expect("a($|b)", {"a", "ab"}, {});
  expect("(a?)(x|^)y", {"y", "xy", "axy"}, {"ay"});
  expect("^$|a", {"a"}, {"aa"});
  EXPECT_NE(refusal("a?$^b?").find("only the empty text"), std::string::npos);
}

TEST_F(RegexParserTest, LooksAround) {
  expect("^(?!aws:)[a-z:]+$", {"aw", "aws", "xaws:", "awsx:"}, {"aws:", "aws:x"});
  expect("(?=.*\\d)(?=.*[a-z]).{3,5}", {"a1b", "xx9", "1a111"}, {"abc", "123", "a1", "a12345"});
  expect("((?!\\.{2}).)*", {"a.b.c", ".", ""}, {"a..b", "..", "a.."});
  expect(".*(?<!\\\\)\\$\\{.*\\}", {"${a}", "x${}"}, {"\\${a}", "a"});
  expect("(?s).*(?<=ab)c.*", {"abc", "xabcx"}, {"ac", "bc", "xbbc"});
  expect("a(?=b|$)b?", {"a", "ab"}, {"b"});
  expect("(?=^a)a|b(?=^c)c|bd", {"a", "bd"}, {"bc"});
  expect("(?!(?!a))a", {"a"}, {"b"});  // a look-around in a look-around
  expect(".*\\bcat\\b.*", {"cat", "a cat!", "-cat-"}, {"cats", "bobcat", "écat"});
  expect("(?!\\w).", {"-", " "}, {"a", "é"});  // what is a letter in any dialect
  expect("(?i)(?!aws)[a-z]+", {"abc"}, {"AWS", "aWsx"});
  expect("(?!.*x).*", {"abc", "漢"}, {"abxc", "x"});
  expect("^(?=^[a-z0-9-]+$).{3,64}$", {"abc", "a-9"}, {"ab", "abc!", "!abc", "aé1"});
}

TEST_F(RegexParserTest, LongRepetitionsAreCountedNotExpanded) {
  const auto grammar = must(compiler_.regex("[a-z]{1,99999}"));
  EXPECT_LT(grammar->num_states(), 20);
  EXPECT_TRUE(accepts(grammar, std::string(1000, 'q')));
  const auto exact = must(compiler_.regex("([ab]c){300}"));
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ac";
  EXPECT_TRUE(accepts(exact, text));
  EXPECT_EQ(judge(exact, text.substr(2)), Verdict::kPrefix);
  EXPECT_EQ(judge(exact, text + "a"), Verdict::kRejected);
  expect("([a-z]{2,100},){3,40}", {"ab,cd,efg,"}, {"ab,cd,", "a,b,c,"});
  expect("(a|aa){1,1000}b", {"ab", std::string(1000, 'a') + "b", std::string(2000, 'a') + "b"},
         {"b", std::string(2001, 'a') + "b"});
  expect("(a?){50}", {std::string(50, 'a'), "a"}, {std::string(51, 'a')});
  expect("(([a-f]{1,100}){1,100}){1,100}x", {"abcx", "fx"}, {"x"});
}

TEST_F(RegexParserTest, UnsupportedConstructsAreNamed) {
  EXPECT_NE(refusal("(a)\\1").find("back-reference"), std::string::npos) << refusal("(a)\\1");
  EXPECT_NE(refusal("(?P<n>a)(?P=n)").find("back-reference"), std::string::npos);
  EXPECT_NE(refusal("\\k<n>").find("back-reference"), std::string::npos);
  EXPECT_NE(refusal("(?=a)b").find("unsatisfiable"), std::string::npos);
  EXPECT_NE(refusal("(?<=a$)b").find("look-behind"), std::string::npos);
  EXPECT_NE(refusal("(?!.*\\bx)a").find("look-behind"), std::string::npos);
  EXPECT_NE(refusal("(?<=a(?=b))b").find("look-behind"), std::string::npos);
  EXPECT_NE(refusal("a\\B").find("word boundary"), std::string::npos);
  EXPECT_NE(refusal("a*+").find("possessive"), std::string::npos);
  EXPECT_NE(refusal("(?>a)").find("atomic"), std::string::npos);
  EXPECT_NE(refusal("a**").find("repetition of a repetition"), std::string::npos);
  EXPECT_NE(refusal("*a").find("repetition of nothing"), std::string::npos);
  EXPECT_NE(refusal("(a").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("a)").find("unmatched"), std::string::npos);
  EXPECT_NE(refusal("[a").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("[b-a]").find("backwards"), std::string::npos);
  EXPECT_NE(refusal("[\\w--a]").find("dialects differ"), std::string::npos);
  EXPECT_NE(refusal("a{3,2}").find("backwards"), std::string::npos);
  EXPECT_NE(refusal("\\p{Nonsense}").find("not known"), std::string::npos);
  EXPECT_NE(refusal("a\\").find("backslash"), std::string::npos);
  EXPECT_NE(refusal("").find("empty text"), std::string::npos);
  EXPECT_NE(refusal("a^b").find("unsatisfiable"), std::string::npos);
  EXPECT_NE(refusal("\xff").find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal(std::string(70'000, 'a')).find("at most"), std::string::npos);
  EXPECT_NE(refusal(std::string(300, '(')).find("nested"), std::string::npos);
  EXPECT_NE(refusal("((a{1,1000}b){1,1000}c[a-z]*d(e|f)(g{900000}h)x{77777}){12345678}").find("more than"),
            std::string::npos);
}

TEST_F(RegexParserTest, MasksAreExact) {
  const char* patterns[] = {"[a-z ]{3,12}!",   "(the|a) [a-z]+\\.", "[^\\n]*\\n[^\\n]*",
                            ".{0,5}",          "\\w+@\\w+\\.com",   "(a|aa){2,9}é?",
                            "[\\p{L} ]{1,20}", "\\d{3}-\\d{4}",     "(?:[^\"\\\\]|\\\\.)*\"x",
                            ".*[a-z]{6}.*",    ".*[a-z ]{7,9}=.+",  ".*(?:[aeiou]|[a-z]s){3,9}[^a]?"};
  std::mt19937 random(20);
  for (const char* pattern : patterns) {
    const auto grammar = must(compiler_.regex(pattern));
    for (int round = 0; round < 6; ++round) {
      GrammarMatcher matcher(grammar, false);
      std::vector<uint32_t> mask(matcher.mask_words());
      std::string text;
      for (int i = 0; i < 6 && matcher.can_continue(); ++i) {
        testing::expect_exact_mask(matcher, *tokenizer_, std::string(pattern) + " after \"" + text + '"');
        ASSERT_TRUE(matcher.fill_mask(mask, {}).ok());
        std::vector<TokenId> allowed;
        for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
          if (has_bit(mask, id)) allowed.push_back(id);
        }
        const TokenId token = allowed[random() % allowed.size()];
        ASSERT_TRUE(matcher.accept(token).ok());
        text += tokenizer_->token_bytes(token);
      }
    }
  }
}

}  // namespace
}  // namespace braid::grammar
