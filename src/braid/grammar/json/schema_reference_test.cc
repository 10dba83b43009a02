// Random schemas with documents checked by the jsonschema package (tools/make_schema_fixtures.py). Every valid document
// is accepted byte by byte, every invalid one is refused, and texts sampled through the masks are JSON that satisfies
// the schema. (tests/e2e/test_structured_output.py validates sampled outputs with the package itself.)
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "braid/grammar/json/schema_validator.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"
#include "tests/support/sanitizer.h"

namespace braid::grammar {
namespace {

using testing::must;

constexpr size_t kThinning = braid::testing::kUnderSanitizer ? 8 : 1;  // use every n-th

std::vector<Json> read_cases() {
  std::ifstream file("src/braid/grammar/testdata/schemas.jsonl");
  EXPECT_TRUE(file.good());
  std::vector<Json> cases;
  size_t num_lines = 0;
  for (std::string line; std::getline(file, line);) {
    if (num_lines++ % kThinning != 0) continue;
    auto parsed = parse_json(line);
    CHECK(parsed.ok(), "{}", parsed.error().message);
    cases.push_back(std::move(parsed).value());
  }
  return cases;
}

TEST(SchemaReference, DocumentsAreValidIfAndOnlyIfTheReferenceSaysSo) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  int num_valid = 0;
  int num_invalid = 0;
  for (const Json& one : read_cases()) {
    const auto grammar = compiler.json_schema(one["schema"]);
    ASSERT_TRUE(grammar.ok()) << one["schema"].dump() << ": " << grammar.error().message;
    for (const Json& text : one["valid"]) {
      EXPECT_TRUE(testing::accepts(*grammar, text.get<std::string>())) << one["schema"].dump() << "\n" << text;
      ++num_valid;
    }
    for (const Json& text : one["invalid"]) {
      EXPECT_FALSE(testing::accepts(*grammar, text.get<std::string>())) << one["schema"].dump() << "\n" << text;
      ++num_invalid;
    }
  }
  EXPECT_GT(num_valid, 1000 / static_cast<int>(kThinning));
  EXPECT_GT(num_invalid, 1500 / static_cast<int>(kThinning));
}

TEST(SchemaReference, SampledOutputsSatisfyTheSchema) {
  const std::vector<Json> cases = read_cases();
  for (const char* family : {"gpt2", "qwen2", "llama2", "smollm2"}) {
    const auto tokenizer = testing::fixture_tokenizer(family);
    GrammarCompiler compiler(*tokenizer);
    int num_drawn = 0;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Json& schema = cases[i]["schema"];
      const auto grammar = must(compiler.json_schema(schema));
      auto document = SchemaDocument::of(schema);
      ASSERT_TRUE(document.ok());
      std::mt19937 random(static_cast<uint32_t>(i));
      const auto text = testing::draw(grammar, *tokenizer, 0, random,
                                      {.max_tokens = 500, .likes_to_end = 0.5, .likes_punctuation = 0.4});
      if (!text) continue;
      ++num_drawn;
      const auto value = parse_json(*text, {.unique_keys = true});
      if (!value.ok() && value.error().message.find("occurs twice") != std::string::npos) continue;  // a free key
      ASSERT_TRUE(value.ok()) << schema.dump() << "\n" << *text << "\n" << value.error().message;
      const auto valid = is_valid(*document, &schema, *value);
      ASSERT_TRUE(valid.ok()) << valid.error().message;
      EXPECT_TRUE(*valid) << schema.dump() << "\n" << *text;
    }
    EXPECT_GT(num_drawn, static_cast<int>(cases.size() / 2)) << family;
  }
}

TEST(SchemaReference, MasksAreExact) {
  const testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const std::vector<Json> cases = read_cases();
  const TokenId ends[] = {tokenizer.end_token()};
  for (size_t i = 0; i < cases.size(); i += 4) {
    GrammarMatcher matcher(must(compiler.json_schema(cases[i]["schema"])), false);
    std::vector<uint32_t> mask(matcher.mask_words());
    std::mt19937 random(static_cast<uint32_t>(i));
    std::string text;
    for (int step = 0; step < 30 && matcher.can_continue(); ++step) {
      testing::expect_exact_mask(matcher, tokenizer, cases[i]["schema"].dump() + " after " + text);
      ASSERT_TRUE(matcher.fill_mask(mask, ends).ok());
      std::vector<TokenId> allowed;
      for (TokenId id = 0; id < tokenizer.end_token(); ++id) {
        if (has_bit(mask, id)) allowed.push_back(id);
      }
      ASSERT_FALSE(allowed.empty());
      const TokenId token = allowed[random() % allowed.size()];
      ASSERT_TRUE(matcher.accept(token).ok());
      text += tokenizer.token_bytes(token);
    }
  }
}

}  // namespace
}  // namespace braid::grammar
