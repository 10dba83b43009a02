// What a compiler keeps, and grammars that ask for much: each is refused, or compiles within limits.
#include <gtest/gtest.h>

#include "braid/grammar/grammar_compiler.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::must;

std::string many_texts(int seed) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += fmt::format("{}text {} of {}", i == 0 ? "" : "|", i * 7919, seed);
  return pattern;
}

TEST(GrammarCompiler, CachesUpToMaxKeptBytes) {
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

TEST(GrammarCompiler, RefusesToCompileAboveMaxBytes) {
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
  try_schema(any_of + "},\"$ref\":\"#/$defs/a39\"}", true);
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
