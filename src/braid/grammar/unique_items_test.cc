// Arrays whose items must differ: which texts they accept, that masks are exact, and that no output gets stuck.
#include "braid/grammar/unique_items.h"

#include <gtest/gtest.h>

#include "braid/grammar/json/schema_validator.h"
#include "tests/support/grammar/schema_test.h"

namespace braid::grammar {
namespace {

using testing::must;

using UniqueItemsTest = testing::SchemaTest;

constexpr const char* kSchemas[] = {
    R"({"type":"array","uniqueItems":true})",
    R"({"type":"array","items":{"type":"string"},"uniqueItems":true})",
    R"({"type":"array","items":{"type":"string","maxLength":2},"uniqueItems":true,"minItems":3})",
    R"({"type":"array","items":{"type":"string","pattern":"^(a|b[a-z]?)$"},"uniqueItems":true})",
    R"({"type":"array","items":{"type":"string","pattern":"^[ab]+$","maxLength":2},"uniqueItems":true})",
    R"({"type":"array","items":{"type":"integer"},"uniqueItems":true})",
    R"({"type":"array","items":{"type":"integer","minimum":1,"maximum":12},"uniqueItems":true})",
    R"({"type":"array","items":{"type":"number"},"uniqueItems":true})",
    R"({"type":"array","items":{"enum":[1,2,3,4,5,6,7,8,9,10,11,"a",["a"],{"a":1}]},"uniqueItems":true,"minItems":13})",
    R"({"type":"array","items":{"properties":{"a":{"type":"string"},"b":{"type":"boolean"}},"required":["a"]},
        "uniqueItems":true})",
    R"({"type":"array","items":{"properties":{"a":{"type":"boolean"},"b":{"enum":["x","y"]}},"required":["a","b"]},
        "uniqueItems":true})",
    R"({"type":"array","items":{"type":"array","items":{"type":"integer"},"uniqueItems":true},"uniqueItems":true})",
    R"({"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}],"items":{"type":"integer"},
        "uniqueItems":true})",
    R"({"properties":{"x":{"type":"array","items":{"type":"string"},"uniqueItems":true},"y":{"type":"array"}}})",
    R"({"anyOf":[{"type":"array","items":{"type":"integer"},"uniqueItems":true},
                 {"type":"array","items":{"type":"integer"},"maxItems":2}]})",
};

TEST_F(UniqueItemsTest, ItemsDifferHoweverTheyAreWritten) {
  expect(R"({"type":"array","uniqueItems":true})",
         {"[]", "[1]", "[1,2]", R"(["a","b","ab"])", "[1,true,\"1\",\"true\",null]", "[[],{},[[]],[{}]]", "[0,false]",
          R"([{"a":1},{"a":2},{"b":1}])", "[[1,2],[2,1]]", R"([{"a":{"b":1}},{"a":{"b":2}}])", "[1,11,111]",
          R"(["\\","\\\\"])", R"([["a"],"a"])", R"([[1,1],{"x":[2,2]}])"},
         {"[1,1]",
          "[1,2,1]",
          "[1,1.0]",
          "[10,1e1]",
          "[0,-0.0]",
          R"(["a","a"])",
          R"(["a","\u0061"])",
          R"(["é","\u00e9"])",
          R"(["\u00e9","é"])",
          R"(["😀","\ud83d\ude00"])",
          R"(["/","\/"])",
          "[[],[]]",
          "[{}, {}]",
          "[[1, 2],\n[1,2]]",
          R"([{"a":1,"b":2},{"b":2,"a":1}])",
          R"([{"a":1,"b":[{}]},{"b":[ {} ],"a":1.0}])",
          R"([{"a":2,"a":1},{"a":1}])",
          "[null,null]",
          "[true,false,true]",
          "[0.1,0.10]",
          "[[1],1,[1.0]]"});
  expect(R"({"type":"array","items":{"type":"string"},"uniqueItems":true,"minItems":2})", {R"(["a","aa"])"},
         {R"(["a"])", R"(["a","a"])", R"(["a","b","a"])"});
}

TEST_F(UniqueItemsTest, OnlyTheArraysThatSaySo) {
  expect(R"({"properties":{"x":{"type":"array","items":{"type":"array"},"uniqueItems":true},"y":{"type":"array"}}})",
         {R"({"x":[[1,1],[1]],"y":[1,1]})", R"({"y":[[1,1],[1,1]]})"}, {R"({"x":[[1,1],[1,1]]})"});
  expect(R"({"type":"array","items":{"type":"array","uniqueItems":true}})", {"[[1],[1]]", "[[1,2],[1,2]]"},
         {"[[1,1]]", "[[1],[2,2]]"});
  expect(R"({"type":"array","uniqueItems":true,"items":{"type":"array","uniqueItems":true}})", {"[[1],[2],[1,2]]"},
         {"[[1],[1]]", "[[1,1]]"});
  // The second form allows what the first does not.
  expect(R"({"anyOf":[{"type":"array","items":{"type":"integer"},"uniqueItems":true},
                      {"type":"array","items":{"type":"integer"},"maxItems":2}]})",
         {"[1,1]", "[1,2,3]", "[1,11]"}, {"[1,1,2]", "[1,2,1]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"integer"},"uniqueItems":true})",
         {"[1,2]"}, {"[1,1]"});
  expect(R"({"type":"array","contains":{"const":1},"uniqueItems":true})", {"[2,1]", "[1]"},
         {"[2]", "[1,1]", "[2,2,1]"});
}

TEST_F(UniqueItemsTest, ConstantsComeInAnyOrder) {
  std::string colours = "\"c0\"";
  for (int i = 1; i < 40; ++i) colours += ",\"c" + std::to_string(i) + '"';
  expect(R"({"type":"array","uniqueItems":true,"items":{"enum":[)" + colours + "]}}",
         {"[]", R"(["c3","c17","c39"])", R"(["c17","c3"])", "[" + colours + "]"},
         {R"(["c3","c3"])", R"(["c3","c4","c3"])", R"(["x"])", "[" + colours + ",\"c1\"]"});
  expect(R"({"type":"array","uniqueItems":true,"minItems":2,"maxItems":3,"items":{"enum":[)" + colours + "]}}",
         {R"(["c0","c1"])", R"(["c2","c1","c0"])"}, {R"(["c0"])", R"(["c0","c1","c2","c3"])"});
}

TEST(UniqueItems, MasksAreExactAndNeverEmpty) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const TokenId ends[] = {tokenizer.end_token()};
  for (const char* schema : kSchemas) {
    const auto grammar = must(compiler.json_schema(*parse_json(schema)));
    for (uint32_t seed = 0; seed < 12; ++seed) {
      std::mt19937 random(seed);
      GrammarMatcher matcher(grammar, false);
      std::vector<uint32_t> mask(matcher.mask_words());
      std::string text;
      for (int step = 0; step < 60 && matcher.can_continue(); ++step) {
        const auto filled = matcher.fill_mask(mask, ends);
        ASSERT_TRUE(filled.ok()) << schema << " after " << text << ": " << filled.error().message;
        testing::expect_exact_mask(matcher, tokenizer, std::string(schema) + " after " + text);
        // Short texts from few characters, so that items repeat.
        std::vector<TokenId> allowed;
        for (TokenId id = 0; id < tokenizer.end_token(); ++id) {
          const bool is_plain =
              std::string_view("\"{}[]:,ab12xy.").find(tokenizer.token_bytes(id)[0]) != std::string_view::npos;
          if (has_bit(mask, id) && (is_plain || random() % 64 == 0)) allowed.push_back(id);
        }
        if (allowed.empty()) break;
        const TokenId token = allowed[random() % allowed.size()];
        ASSERT_TRUE(matcher.accept(token).ok()) << schema << " after " << text;
        text += tokenizer.token_bytes(token);
      }
    }
  }
}

TEST(UniqueItems, OutputsOfRealVocabulariesSatisfyTheSchema) {
  for (const char* family : {"gpt2", "qwen2", "smollm2"}) {
    const auto tokenizer = testing::fixture_tokenizer(family);
    GrammarCompiler compiler(*tokenizer);
    int num_drawn = 0;
    for (const char* text_of_schema : kSchemas) {
      const Json schema = *parse_json(text_of_schema);
      const auto grammar = must(compiler.json_schema(schema));
      auto document = SchemaDocument::of(schema);
      ASSERT_TRUE(document.ok());
      for (uint32_t seed = 0; seed < 4; ++seed) {
        std::mt19937 random(seed);
        const auto text = testing::draw(grammar, *tokenizer, 0, random,
                                        {.max_tokens = 200, .likes_to_end = 0.3, .likes_punctuation = 0.7});
        if (!text) continue;
        ++num_drawn;
        const auto value = parse_json(*text);
        ASSERT_TRUE(value.ok()) << *text;
        const auto valid = is_valid(*document, &schema, *value);
        ASSERT_TRUE(valid.ok()) << valid.error().message;
        EXPECT_TRUE(*valid) << schema.dump() << "\n" << *text;
      }
    }
    EXPECT_GT(num_drawn, 20) << family;
  }
}

// Each step but the last still has another way; then none is left, and the array ends.
TEST(UniqueItems, AnItemThatCouldOnlyRepeatIsNotBegun) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.json_schema(*parse_json(
      R"({"type":"array","uniqueItems":true,"items":{"properties":{"on":{"type":"boolean"}},"required":["on"]}})")));
  EXPECT_EQ(testing::judge(grammar, R"([{"on":true},{"on":f)"), testing::Verdict::kPrefix);
  EXPECT_EQ(testing::judge(grammar, R"([{"on":true},{"on":t)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(grammar, R"([{"on":true}, { "on": t)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(grammar, R"([{"on":true},{"on":false},)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(grammar, R"([{"on":true},{"on":false}])"), testing::Verdict::kWhole);
}

TEST(UniqueItems, StringsWithinBoundsAreUsedUp) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.json_schema(*parse_json(
      R"({"type":"array","uniqueItems":true,"items":{"type":"string","pattern":"^[ab]+$","maxLength":2}})")));
  EXPECT_EQ(testing::judge(grammar, R"(["a","aa","ab","b","ba",)"), testing::Verdict::kPrefix);
  EXPECT_EQ(testing::judge(grammar, R"(["a","aa","ab","b","ba","a)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(grammar, R"(["a","aa","ab","b","ba","bb",)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(grammar, R"(["a","aa","ab","b","ba","bb"])"), testing::Verdict::kWhole);
}

TEST(UniqueItems, CopiesOfAMatcherAreIndependent) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  GrammarMatcher one(must(compiler.json_schema(*parse_json(R"({"type":"array","uniqueItems":true})"))), false);
  ASSERT_TRUE(one.accept_bytes("[1,2,").ok());
  GrammarMatcher other = one;
  ASSERT_TRUE(one.accept_bytes("3,").ok());
  ASSERT_TRUE(other.accept_bytes("4,").ok());
  EXPECT_TRUE(one.accept_bytes("4]").ok());
  EXPECT_FALSE(other.accept_bytes("4]").ok());
  EXPECT_FALSE(other.accept_bytes("2]").ok());
  EXPECT_TRUE(other.accept_bytes("3]").ok());
}

// Pieces end anywhere, also in numbers and between levels.
TEST(UniqueItems, ATextReadInPiecesIsTheSameText) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.json_schema(*parse_json(
      R"({"type":"array","uniqueItems":true,"items":{"anyOf":[{"type":["number","string","object"]},
          {"type":"array","uniqueItems":true}]}})")));
  const std::string items[] = {"12",   "1.25", R"("ab")", R"({"a":1,"b":[1,1]})", R"([1,"x",[2,2],{"k":{}}])",
                               "[[]]", "-3",   R"("a")",  R"({"a":1,"b":[1]})",   R"([1,"x",[2,2],{"k":{"k":0}}])"};
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::string text = "[";
    for (const std::string& item : items) text += item + ",";
    GrammarMatcher in_pieces(grammar, false);
    for (size_t at = 0; at < text.size();) {
      const size_t length = std::min(text.size() - at, size_t{1} + random() % 12);
      const GrammarMatcher before = in_pieces;
      ASSERT_TRUE(in_pieces.accept_bytes(text.substr(at, length)).ok()) << text.substr(0, at + length);
      in_pieces = GrammarMatcher(before);
      EXPECT_FALSE(in_pieces.accept_bytes(text.substr(at, length) + "\x01").ok());
      ASSERT_TRUE(in_pieces.accept_bytes(text.substr(at, length)).ok());
      at += length;
    }
    for (const std::string& item : items) {
      EXPECT_FALSE(in_pieces.accept_bytes(item + ",").ok()) << seed << " repeats " << item;
    }
    EXPECT_TRUE(in_pieces.accept_bytes(R"({"b":[1],"a":2},[1,"x"],1])").ok()) << seed;
    EXPECT_TRUE(in_pieces.is_complete());
  }
}

TEST(UniqueItems, WhatIsKeptIsCounted) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const auto grammar =
      must(compiler.json_schema(*parse_json(R"({"type":"array","items":{"type":"string"},"uniqueItems":true})")));
  std::string text = "[";
  for (int i = 0; i < 3000; ++i) text += "\"text " + std::to_string(i) + "\",";
  std::optional<GrammarMatcher> matcher(std::in_place, grammar, false);
  ASSERT_TRUE(matcher->accept_bytes(text).ok());
  const int64_t with_items = compiler.num_bytes();
  EXPECT_FALSE(matcher->accept_bytes("\"text 2999\"").ok());
  EXPECT_TRUE(matcher->accept_bytes("\"text 3000\"").ok());
  matcher.reset();
  EXPECT_GT(with_items - compiler.num_bytes(), 3000 * 32);
}

}  // namespace
}  // namespace braid::grammar
