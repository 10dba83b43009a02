// EBNF grammars: their notation, recursion on either side, ambiguity, and what is refused.
#include <gtest/gtest.h>

#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::accepts;
using testing::judge;
using testing::must;
using testing::Verdict;

class EbnfParserTest : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler_{*tokenizer_};

  void expect(const std::string& source, const std::vector<std::string>& yes, const std::vector<std::string>& no) {
    testing::expect_texts(compiler_.ebnf(source), source, yes, no);
  }
  std::string refusal(const std::string& source) {
    const auto grammar = compiler_.ebnf(source);
    return grammar.ok() ? "accepted" : grammar.error().message;
  }
};

TEST_F(EbnfParserTest, ReadsTheNotation) {
  expect("root ::= \"a\" | \"b\" \"c\"", {"a", "bc"}, {"ac", "b"});
  expect("# comment\nroot ::= (\n  \"a\" # one\n  \"b\"\n)? \"c\"\n\n", {"c", "abc"}, {"ac"});
  expect("root ::= x-1 |\n  y_2\nx-1 ::= \"x\"+\ny_2 ::= [0-9a-fA-F]{2,3}", {"xx", "0F", "abc"}, {"", "a", "abcd"});
  expect("root ::= \"\\x41\\u00e9\\U0001F600\\n\\t\\\"\\\\\"", {"Aé😀\n\t\"\\"}, {});
  expect("root ::= [^\\]\\n\"] [\\-a] [a-]", {"x-a", "éa-"}, {"]aa", "\naa"});
  expect("root ::= [^] .", {"\n\n"}, {""});
  expect("root ::= \"a\" {2} \"b\"{1,} (\"c\"){0,1}", {"aab", "aabbc"}, {"ab", "aabcc"});
  expect("root ::= a\n  b\na ::= \"a\"\nb ::= \"b\"", {"ab"}, {"a"});
  expect("root ::= ( ) \"x\" | ", {"x", ""}, {});
}

TEST_F(EbnfParserTest, LiteralsThatShareTheirBeginningsAndEnds) {
  expect(R"(root ::= "name" | "names" | "number" | "n" | "size")", {"name", "names", "number", "n", "size"},
         {"", "na", "nam", "numbers", "siz", "sizen"});
  // Beside sets that read the same first byte, or the whole of it.
  expect(R"(root ::= [m-o] "ame" | "names" | [a-z]{3})", {"name", "mame", "names", "nam", "abc"},
         {"nameame", "mames", "na", "abcd"});
  expect(R"(root ::= ("ab" | "abc" | "c")+ "end")", {"abend", "abcend", "cabend", "abccend"}, {"end", "aend", "bcend"});
  // From many places to one.
  expect(R"(root ::= ("one,")? ("two,")? ("twelve,")? "three")",
         {"three", "one,three", "two,twelve,three", "one,twelve,three", "one,two,twelve,three"},
         {"two,one,three", "twelve,two,three", "one,one,three", "tthree", "one,"});
  expect(R"(root ::= root "and" item | item
item ::= "anything" | "an" root "end")",
         {"anything", "anythingandanything", "ananythingend", "ananythingandanythingendandanything"},
         {"anyth", "anythingand", "ananything"});
}

TEST_F(EbnfParserTest, Recursion) {
  const std::string balanced = "root ::= \"(\" root \")\" root | \"\"";
  expect(balanced, {"", "()", "(())()", "((()()))"}, {"(", ")", "(()"});
  const auto grammar = must(compiler_.ebnf(balanced));
  const std::string deep = std::string(3000, '(') + std::string(3000, ')');
  EXPECT_TRUE(accepts(grammar, deep));
  EXPECT_EQ(judge(grammar, deep.substr(0, 4000)), Verdict::kPrefix);
}

TEST_F(EbnfParserTest, LeftRecursion) {
  expect("root ::= root \"a\" | \"b\"", {"b", "baaa"}, {"", "a", "ab"});
  expect("root ::= root \"+\" term | term\nterm ::= term \"*\" factor | factor\nfactor ::= [0-9]+ | \"(\" root \")\"",
         {"1", "1+2*3", "(1+2)*3+4", "((7))"}, {"1+", "+1", "(1", "1**2"});
  // Through another rule, and hidden behind a rule that may be empty.
  expect("root ::= a \"x\" | \"y\"\na ::= root \"z\" | \"w\"", {"y", "wx", "yzx", "wxzx"}, {"x", "yz", "zx"});
  expect("root ::= maybe root \"a\" | \"b\"\nmaybe ::= \"-\"?", {"b", "ba", "-ba", "-ba", "--baa"}, {"-b", "a"});
  expect("root ::= root root | \"a\"", {"a", "aa", "aaaaa"}, {"", "b"});
  expect("root ::= root{2,3} \"x\" | \"a\"", {"a", "aax", "aaax", "aaxax"}, {"aa", "ax", "aaaax"});
}

TEST_F(EbnfParserTest, AmbiguityCostsNoExponentialTime) {
  // Each "a" opens one of two brackets; only the end shows which.
  const auto grammar = must(compiler_.ebnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"x\""));
  std::string text = std::string(200, 'a') + "x";
  for (int i = 0; i < 200; ++i) text += i % 3 == 0 ? 'b' : 'c';
  EXPECT_TRUE(accepts(grammar, text));
  const auto sums = must(compiler_.ebnf("root ::= root \"+\" root | [0-9]"));
  std::string sum = "1";
  for (int i = 0; i < 300; ++i) sum += "+2";
  EXPECT_TRUE(accepts(sums, sum));
}

TEST_F(EbnfParserTest, ListsByRightRecursionNeedNoStack) {
  const auto grammar = must(compiler_.ebnf("root ::= line root | line\nline ::= [a-z]+ \"\\n\""));
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "abc\n";
  EXPECT_TRUE(accepts(grammar, text));
}

TEST_F(EbnfParserTest, UnsupportedConstructsAreNamed) {
  EXPECT_NE(refusal("root ::= <think>").find("token"), std::string::npos);
  EXPECT_NE(refusal("root ::= TagDispatch((\"a\", b))").find("TagDispatch"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\" (= \"b\")").find("look-ahead"), std::string::npos);
  EXPECT_NE(refusal("a ::= \"x\"").find("no rule \"root\""), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"\n  | b").find("line 2, column 5: rule \"b\" is used but not defined"),
            std::string::npos)
      << refusal("root ::= \"a\"\n  | b");
  EXPECT_NE(refusal("root ::= \"a\"\nroot ::= \"b\"").find("defined twice"), std::string::npos);
  EXPECT_NE(refusal("root ::= root").find("recurs without end"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\" root").find("recurs without end"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"\"").find("empty text"), std::string::npos);
  EXPECT_NE(refusal("root ::= x\nx ::= \"\" | y\ny ::= \"\"").find("empty text"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"++").find("repetition of a repetition"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("root ::= [a").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("root ::= [\\d]").find("\\d"), std::string::npos);
  EXPECT_NE(refusal("root ::= (\"a\"").find("not closed"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\")").find("unmatched"), std::string::npos);
  EXPECT_NE(refusal("root \"a\"").find("expected a rule"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"{,3}").find("least number"), std::string::npos);
  EXPECT_NE(refusal("root ::= \"a\"{3,2}").find("backwards"), std::string::npos);
  EXPECT_NE(refusal("root ::= " + std::string(300, '(')).find("nested"), std::string::npos);
  EXPECT_NE(refusal("").find("root"), std::string::npos);
}

TEST_F(EbnfParserTest, MasksAreExact) {
  const char* json = R"(root ::= value
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}"
array ::= "[" ws (value ("," ws value)*)? "]"
string ::= "\"" char* "\""
char ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4})
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)?
ws ::= [ \t\n]*)";
  const char* sources[] = {json, "root ::= root \"+\" root | [a-z ]{1,30} | \"(\" root \")\"",
                           "root ::= item{2,5}\nitem ::= [a-z]{2,4} \",\" | \"(\" root \")\""};
  std::mt19937 random(7);
  for (const char* source : sources) {
    const auto grammar = must(compiler_.ebnf(source));
    for (int round = 0; round < 5; ++round) {
      GrammarMatcher matcher(grammar, false);
      std::vector<uint32_t> mask(matcher.mask_words());
      std::string text;
      for (int i = 0; i < 12 && matcher.can_continue(); ++i) {
        testing::expect_exact_mask(matcher, *tokenizer_, "after \"" + text + '"');
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

TEST_F(EbnfParserTest, ChoicesAreExactlyTheirTexts) {
  const std::vector<std::string> texts = {"yes", "no", "yes, but", "é"};
  const auto grammar = must(compiler_.choice(texts));
  for (const std::string& text : texts) EXPECT_TRUE(accepts(grammar, text)) << text;
  EXPECT_EQ(judge(grammar, "yes, "), Verdict::kPrefix);
  EXPECT_EQ(judge(grammar, "maybe"), Verdict::kRejected);
  EXPECT_FALSE(compiler_.choice({}).ok());
}

}  // namespace
}  // namespace braid::grammar
