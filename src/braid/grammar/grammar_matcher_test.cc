// Matchers over real vocabularies: special tokens, spaces at the start, characters split over tokens, long texts in
// bounded memory, many threads at once.
#include "braid/grammar/grammar_matcher.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::must;

std::vector<TokenId> allowed_by(const GrammarMatcher& matcher, std::span<const TokenId> ends = {}) {
  std::vector<uint32_t> mask(matcher.mask_words());
  const auto filled = matcher.fill_mask(mask, ends);
  EXPECT_TRUE(filled.ok()) << filled.error().message;
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < static_cast<TokenId>(mask.size() * 32); ++id) {
    if (has_bit(mask, id)) ids.push_back(id);
  }
  return ids;
}

TEST(GrammarMatcher, SpecialTokensAreNoTextAndEndTokensOnlyEnd) {
  for (const char* family : {"qwen2", "llama3", "smollm2"}) {
    const auto tokenizer = testing::fixture_tokenizer(family);
    GrammarCompiler compiler(*tokenizer);
    TokenId special = -1;
    for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) special = tokenizer->is_special(id) ? id : special;
    ASSERT_GE(special, 0) << family;
    const TokenId ends[] = {special};
    GrammarMatcher matcher(must(compiler.regex("(?s)a.*")));
    for (const TokenId id : allowed_by(matcher, ends)) EXPECT_FALSE(tokenizer->is_special(id)) << family << ' ' << id;
    ASSERT_TRUE(matcher.accept(*tokenizer->token_to_id("a")).ok());
    EXPECT_TRUE(matcher.is_complete());
    int num_special = 0;
    for (const TokenId id : allowed_by(matcher, ends)) num_special += tokenizer->is_special(id) ? 1 : 0;
    EXPECT_EQ(num_special, 1) << family;
    EXPECT_FALSE(matcher.accept(special).ok());
    EXPECT_FALSE(matcher.accept(-1).ok());
    EXPECT_FALSE(matcher.accept(static_cast<TokenId>(tokenizer->vocab_size())).ok());
    EXPECT_TRUE(matcher.is_complete());  // unchanged
  }
}

// The shown text is the text that the grammar accepted, also if the decoder drops the first token's space.
TEST(GrammarMatcher, AFirstSpaceThatIsNotShownIsNotMatched) {
  const auto tokenizer = testing::fixture_tokenizer("llama2");
  GrammarCompiler compiler(*tokenizer);
  const auto grammar = must(compiler.regex("[a-z]+( [a-z]+)*"));
  int num_spaced = 0;
  for (const TokenId id : allowed_by(GrammarMatcher(grammar))) {
    const TokenId ids[] = {id};
    const std::string shown = tokenizer->decode(ids, false);
    EXPECT_TRUE(testing::accepts(grammar, shown)) << '"' << shown << '"';
    num_spaced += tokenizer->token_bytes(id).starts_with(' ') ? 1 : 0;
    GrammarMatcher matcher(grammar);
    EXPECT_TRUE(matcher.accept(id).ok());
  }
  EXPECT_GT(num_spaced, 10);
  for (const TokenId id : allowed_by(GrammarMatcher(grammar, false))) {
    EXPECT_FALSE(tokenizer->token_bytes(id).starts_with(' ')) << id;
  }
}

TEST(GrammarMatcher, CharactersMaySplitOverTokensAndNeverEndHalf) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  GrammarMatcher matcher(must(compiler.regex("[é漢😀]{2}")), false);
  for (const char byte : std::string("\xC3\xA9\xF0\x9F\x98")) {
    ASSERT_TRUE(matcher.accept(static_cast<uint8_t>(byte)).ok());
    EXPECT_FALSE(matcher.is_complete());
  }
  const TokenId ends[] = {tokenizer.end_token()};
  EXPECT_EQ(allowed_by(matcher, ends), std::vector<TokenId>{0x80});
  ASSERT_TRUE(matcher.accept(0x80).ok());
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.can_continue());
}

TEST(GrammarMatcher, CopiesAreIndependent) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  GrammarMatcher one(must(compiler.choice(std::vector<std::string>{"abc", "abd"})), false);
  ASSERT_TRUE(one.accept_bytes("ab").ok());
  GrammarMatcher other = one;
  ASSERT_TRUE(one.accept_bytes("c").ok());
  EXPECT_TRUE(one.is_complete());
  EXPECT_FALSE(other.is_complete());
  EXPECT_TRUE(other.accept_bytes("d").ok());
}

// All bytes, all words of two to five of "at,!", and beginnings of words of "aé漢😀".
class WordTokenizer final : public Tokenizer {
 public:
  WordTokenizer() {
    for (int byte = 0; byte < 256; ++byte) tokens_.emplace_back(1, static_cast<char>(byte));
    std::vector<std::string> words = {""};
    for (size_t length = 1; length <= 5; ++length) {
      std::vector<std::string> longer;
      for (const std::string& word : words) {
        for (const char letter : std::string_view("at,!")) longer.push_back(word + letter);
      }
      words = std::move(longer);
      if (length > 1) tokens_.insert(tokens_.end(), words.begin(), words.end());
    }
    std::set<std::string> parts;
    const std::string_view letters[] = {"a", "é", "漢", "😀"};
    for (int number = 0; number < 256; ++number) {
      std::string word;
      for (int rest = number + 256; rest > 1; rest /= 4) word += letters[rest % 4];
      for (size_t length = 2; length <= word.size(); ++length) parts.insert(word.substr(0, length));
      for (size_t begin = 1; begin < word.size(); ++begin) parts.insert(word.substr(begin));
    }
    for (const std::string& part : parts) {
      if (part.size() > 1 && part.find_first_not_of('a') != std::string::npos) tokens_.push_back(part);
    }
  }
  std::vector<TokenId> encode(std::string_view, bool) const override { return {}; }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { CHECK(false, "no stream"); }
  std::string token_bytes(TokenId id) const override { return tokens_[static_cast<size_t>(id)]; }
  std::optional<TokenId> token_to_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId) const override { return false; }
  int64_t vocab_size() const override { return static_cast<int64_t>(tokens_.size()); }

 private:
  std::vector<std::string> tokens_;
};

// Masks take what stays at one place whole, and skip continuations that lie on another's way.
TEST(GrammarMatcher, MasksOfManyWordsAreExact) {
  const WordTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  for (const char* source :
       {".{1,4}(a.*|[a-z]*!)", ".{1,50}.*", ".{2,3}(t|a,)*x", "x[a-z]*!x?", "x([a-z]*[!,][a-s]*)*x", "[a-s,]*(x|tx)",
        "[^b]*", "([^b]{2})*", "[^b漢]*x", ".{1,60}é", "(a|[^ -~])*"}) {
    for (const char* text : {"", "x", "xa", "xé", "xat", "é", "a\xE6"}) {
      GrammarMatcher matcher(must(compiler.regex(source)), false);
      if (matcher.accept_bytes(text).ok()) testing::expect_exact_mask(matcher, tokenizer, source + std::string(text));
    }
  }
  const auto counted = must(compiler.json_schema(
      *parse_json(R"({"type":"string","pattern":"^[a-z]*(,a{3}!)?$","minLength":4,"maxLength":7})")));
  for (const char* text : {"\"", "\"a", "\"at,a", "\"attata"}) {
    GrammarMatcher matcher(counted, false);
    ASSERT_TRUE(matcher.accept_bytes(text).ok()) << text;
    testing::expect_exact_mask(matcher, tokenizer, text);
  }
  for (const char* pattern : {"^[^/]*$", "^[^/]*x?$", "^a[^,]+$", "^[^t漢]*é[^x]*$"}) {
    const Json schema{{"type", "string"}, {"pattern", pattern}, {"minLength", 3}, {"maxLength", 5}};
    const auto grammar = must(compiler.json_schema(schema));
    for (const char* text : {"\"", "\"a", "\"aé", "\"a\xE6\xBC", "\"aéa\xF0", "\"aéaa"}) {
      GrammarMatcher matcher(grammar, false);
      if (matcher.accept_bytes(text).ok()) testing::expect_exact_mask(matcher, tokenizer, pattern + std::string(text));
    }
  }
}

// The cache of configurations is dropped several times here while several matchers are active.
TEST(GrammarMatcher, LongTextsStayInBoundedMemory) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.json_schema(
      *parse_json(R"({"type":"array","items":{"type":"string","minLength":70000,"maxLength":80000},"minItems":2})")));
  GrammarMatcher matcher(grammar, false);
  GrammarMatcher behind(grammar, false);
  ASSERT_TRUE(matcher.accept_bytes("[\"").ok());
  ASSERT_TRUE(behind.accept_bytes("[\"abc").ok());
  std::vector<uint32_t> mask(matcher.mask_words());
  for (int i = 0; i < 75'000; ++i) ASSERT_TRUE(matcher.accept_bytes("x").ok()) << i;
  testing::expect_exact_mask(matcher, tokenizer, "in the first text");
  ASSERT_TRUE(matcher.accept_bytes("\", \"").ok());
  for (int i = 0; i < 69'999; ++i) ASSERT_TRUE(matcher.accept_bytes("y").ok()) << i;
  EXPECT_FALSE(matcher.accept_bytes("\"").ok());
  ASSERT_TRUE(matcher.accept_bytes("y\"]").ok());
  EXPECT_TRUE(matcher.is_complete());
  testing::expect_exact_mask(behind, tokenizer, "behind");
  EXPECT_FALSE(behind.accept_bytes("\"").ok());
}

TEST(GrammarMatcher, DeepNestingSurvivesADroppedCache) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.ebnf("root ::= \"(\" root \")\" | [a-z]{1,200000}"));
  GrammarMatcher matcher(grammar, false);
  const std::string open(2000, '(');
  ASSERT_TRUE(matcher.accept_bytes(open).ok());
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(matcher.accept_bytes("z").ok()) << i;
  ASSERT_TRUE(matcher.accept_bytes(std::string(2000, ')')).ok());
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.can_continue());
}

TEST(GrammarMatcher, ThreadsMayShareAGrammar) {
  const auto tokenizer = testing::fixture_tokenizer("smollm2");
  GrammarCompiler compiler(*tokenizer);
  const auto grammar = must(compiler.json_schema(*parse_json(
      R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"array","items":{"type":"integer"}}}})")));
  std::vector<std::optional<std::string>> alone;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    std::mt19937 random(seed);
    alone.push_back(testing::draw(grammar, *tokenizer, 0, random, {.likes_punctuation = 0.4}));
  }
  std::vector<std::optional<std::string>> together(4);
  std::vector<std::thread> threads;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      together[seed] = testing::draw(grammar, *tokenizer, 0, random, {.likes_punctuation = 0.4});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

// Tokens of many characters, of parts of them, and of no whole character.
TEST(GrammarMatcher, MasksOfRealVocabulariesAreExact) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const char* patterns[] = {
      "^[a-z]+$",
      "^[^/].{0,12}$",
      "^[a-z.]{1,3}:.{2,9}/.*$",
      "^(?!aws:)[a-zA-Z+-=._:/]{1,30}$",
      "^.{1,40}.*x$",
      "^[^:]*[\u4e00-\u9fff]{2,}$",
      "^([^\\x00-\\x7f]|a){3,8}$",
      "^(.|\\n){2,5}$",
      "[a-z0-9]{4,7}",
      "a(b:)?[a-z0-9]{2}$|\\w\\wé",
  };
  const char* texts[] = {"\"", "\"ab", "\"a:\xc3\xa9 \xe6", "\"\xe6\xbc\xa2\xe5\xad\x97", "\"\xf0\x9f", "\"a:bc/d x"};
  for (const char* pattern : patterns) {
    for (const int max_length : {0, 10}) {
      Json schema{{"type", "string"}, {"pattern", pattern}};
      if (max_length > 0) schema["maxLength"] = max_length;
      const auto grammar = must(compiler.json_schema(schema));
      for (const char* text : texts) {
        GrammarMatcher matcher(grammar, false);
        if (!matcher.accept_bytes(text).ok()) continue;
        testing::expect_exact_mask(matcher, *tokenizer, schema.dump() + " after " + text);
      }
    }
  }
}

// Four patterns at once, none of which has been met, and then one after the other.
TEST(GrammarMatcher, MasksOfManyStatesAtOnceAreExact) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto grammar = must(compiler.ebnf(R"ebnf(root ::= "<" (a | b | c | d) ">"
      a ::= [a-z \n]* "1"
      b ::= [^0-9<>]{2,30} "2"
      c ::= ([a-z] | "(" c ")")+ "3"
      d ::= [^x>]+ "4")ebnf"));
  for (const char* text : {"<", "<a", "<ab", "<abc ", "<abc Z", "<((a3)", "<ab1"}) {
    GrammarMatcher matcher(grammar, false);
    ASSERT_TRUE(matcher.accept_bytes(text).ok()) << text;
    testing::expect_exact_mask(matcher, *tokenizer, text);
  }
}

}  // namespace
}  // namespace braid::grammar
