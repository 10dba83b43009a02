// Matchers over real vocabularies: special tokens, spaces at the start, characters split over tokens, long texts in
// bounded memory, many threads at once.
#include "braid/grammar/grammar_matcher.h"

#include <gtest/gtest.h>

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
TEST(GrammarMatcher, AFirstTokensSpaceThatIsNotShownIsNotSeen) {
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

TEST(GrammarMatcher, ACopyGoesItsOwnWay) {
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

TEST(GrammarMatcher, DeepNestingSurvivesForgetting) {
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

TEST(GrammarCompiler, EqualRequestsShareOneGrammarAlsoAtTheSameTime) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer, {.max_kept = 2});
  auto first = must(compiler.regex("[a-z]{3}"));
  EXPECT_EQ(must(compiler.regex("[a-z]{3}")), first);
  EXPECT_NE(must(compiler.ebnf("root ::= [a-z]{3}")), first);
  must(compiler.json_object());
  must(compiler.regex("b"));
  EXPECT_EQ(must(compiler.regex("[a-z]{3}")), first) << "only two are kept, but this one is in use";
  const std::weak_ptr<const CompiledGrammar> known = first;
  first.reset();
  EXPECT_FALSE(known.expired());
  must(compiler.regex("c"));
  must(compiler.regex("d"));
  must(compiler.regex("e"));
  EXPECT_TRUE(known.expired());

  std::vector<std::shared_ptr<const CompiledGrammar>> found(6);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < found.size(); ++i) {
    threads.emplace_back([&, i] { found[i] = must(compiler.regex("(x|y){5,500}z")); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& grammar : found) EXPECT_EQ(grammar, found[0]);
  EXPECT_EQ(compiler.regex("(").error().message, compiler.regex("(").error().message);
}

std::string many_texts(int seed) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += fmt::format("{}text {} of {}", i == 0 ? "" : "|", i * 7919, seed);
  return pattern;
}

TEST(GrammarCompiler, KeepsUpToSoManyBytes) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer, {.max_kept = 1000, .max_kept_bytes = 3 << 20});
  const auto first = must(compiler.regex(many_texts(0)));
  EXPECT_GT(first->memory_bytes(), 100'000);
  for (int seed = 1; seed < 24; ++seed) {
    must(compiler.regex(many_texts(seed)));
    EXPECT_LT(compiler.num_bytes(), (3 << 20) + 2 * first->memory_bytes() + (1 << 20)) << seed;
  }
  EXPECT_GT(compiler.num_bytes(), 1 << 20) << "some are kept";
  EXPECT_EQ(must(compiler.regex(many_texts(0))), first);
}

TEST(GrammarCompiler, RefusesWhatWouldTakeTooMuchBesideWhatIsInUse) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer, {.max_bytes = 4 << 20});
  EXPECT_FALSE(GrammarCompiler::is_no_room(compiler.regex("(").error()));
  std::vector<std::shared_ptr<const CompiledGrammar>> in_use;
  std::optional<Error> refusal;
  for (int seed = 0; seed < 100 && !refusal; ++seed) {
    const auto compiled = compiler.regex(many_texts(seed));
    if (!compiled.ok()) {
      refusal = compiled.error();
    } else {
      in_use.push_back(*compiled);
    }
  }
  ASSERT_TRUE(refusal.has_value());
  EXPECT_TRUE(GrammarCompiler::is_no_room(*refusal)) << refusal->message;
  EXPECT_EQ(must(compiler.regex(many_texts(0))), in_use[0]) << "what is there can be shared";
  in_use.clear();
  EXPECT_TRUE(compiler.regex(many_texts(1000)).ok());
  EXPECT_LT(compiler.num_bytes(), 4 << 20);
}

// Each is refused with a reason, or compiles and can be followed, within reasonable memory and time. (The test
// program's time limit catches the rest.)
TEST(GrammarCompiler, PathologicalGrammarsAreRefusedOrCompiled) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto try_schema = [&](const std::string& text, bool may_compile) {
    const auto schema = parse_json(text, {.max_depth = 2000});
    ASSERT_TRUE(schema.ok()) << schema.error().message;
    const auto grammar = compiler.json_schema(*schema);
    if (grammar.ok()) {
      EXPECT_TRUE(may_compile) << text.substr(0, 100);
      std::vector<uint32_t> mask(GrammarMatcher(*grammar).mask_words());
      EXPECT_TRUE(GrammarMatcher(*grammar).fill_mask(mask, {}).ok());
    } else {
      EXPECT_FALSE(grammar.error().message.empty());
    }
  };
  std::string nested = "{\"type\":\"null\"}";
  for (int i = 0; i < 500; ++i) nested = "{\"type\":\"array\",\"items\":" + nested + "}";
  try_schema(nested, false);
  std::string values;
  for (int i = 0; i < 10'000; ++i) values += fmt::format("{}\"value number {}\"", i == 0 ? "" : ",", i * 7919);
  try_schema("{\"enum\":[" + values + "]}", true);
  try_schema("{\"type\":\"array\",\"items\":{\"enum\":[" + values + "]},\"minItems\":100,\"maxItems\":1000}", true);
  std::string doubling = "{\"$defs\":{\"a0\":{\"type\":\"null\"}";
  for (int i = 1; i < 60; ++i) {
    doubling += fmt::format(
        ",\"a{}\":{{\"type\":\"object\",\"properties\":{{\"x\":{{\"$ref\":\"#/$defs/a{}\"}},\"y\":{{\"$ref\":\"#/$defs/"
        "a{}\"}}}},"
        "\"required\":[\"x\",\"y\"]}}",
        i, i - 1, i - 1);
  }
  try_schema(doubling + "},\"$ref\":\"#/$defs/a59\"}", true);
  std::string all_of = "{\"$defs\":{\"a0\":{\"type\":\"null\"}";
  for (int i = 1; i < 40; ++i) {
    all_of += fmt::format(",\"a{}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/a{}\"}},{{\"$ref\":\"#/$defs/a{}\"}}]}}", i,
                          i - 1, i - 1);
  }
  try_schema(all_of + "},\"$ref\":\"#/$defs/a39\"}", true);
  std::string any_of = "{\"$defs\":{\"a0\":{\"type\":\"null\"}";
  for (int i = 1; i < 40; ++i) {
    any_of += fmt::format(",\"a{}\":{{\"anyOf\":[{{\"$ref\":\"#/$defs/a{}\"}},{{\"$ref\":\"#/$defs/a{}\"}}]}}", i,
                          i - 1, i - 1);
  }
  try_schema(any_of + "},\"$ref\":\"#/$defs/a39\"}", false);
  std::string properties;
  for (int i = 0; i < 50'000; ++i) properties += fmt::format("{}\"key number {}\":{{}}", i == 0 ? "" : ",", i);
  try_schema("{\"type\":\"object\",\"properties\":{" + properties + "}}", false);
  std::string optional_keys;
  for (int i = 0; i < 2'000; ++i) optional_keys += fmt::format("{}\"k{}\":{{\"type\":\"null\"}}", i == 0 ? "" : ",", i);
  try_schema("{\"type\":\"object\",\"properties\":{" + optional_keys + "},\"additionalProperties\":true}", true);
  try_schema(R"({"type":"string","pattern":"^(((((a{1,99}){1,99}b){1,99}c){1,99}d){1,99}e)$","maxLength":50000})",
             true);
  try_schema(R"({"type":"string","pattern":"(a|b)*a(a|b){40}","maxLength":30000})", true);
  try_schema(R"({"type":"array","items":{"type":"string","maxLength":1000000},"maxItems":1000000})", true);
  for (const char* pattern :
       {"a{1,99999}", "(a{1,99999}){1,99999}", "((a|b)*c){1,5000}(d|e){1,5000}", "(a*)*(b*)*(c*)*", "(x+x+)+y",
        "(a|b)*a(a|b){20}", "[\\s\\S]{0,1000000}", "(\\p{L}\\p{N}\\p{P}\\p{S}){1,1000}", "(a?){10000}a{10000}"}) {
    const auto grammar = compiler.regex(pattern);
    if (!grammar.ok()) continue;
    GrammarMatcher matcher(*grammar, false);
    std::vector<uint32_t> mask(matcher.mask_words());
    for (int i = 0; i < 40; ++i) {
      (void)matcher.accept_bytes(i % 3 == 0 ? "b" : "a").ok();
      (void)matcher.fill_mask(mask, {}).ok();
    }
  }
}

}  // namespace
}  // namespace braid::grammar
