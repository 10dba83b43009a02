#include "braid/grammar/grammar_compiler.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::must;

TEST(GrammarCompiler, EqualRequestsShareOneGrammarAlsoConcurrently) {
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

TEST(GrammarCompiler, WarnsOnceAboutKeywordsThatLookMisspelled) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  std::vector<std::string> warnings;
  GrammarCompiler compiler(*tokenizer, [&](const std::string& message) { warnings.push_back(message); });
  for (int i = 0; i < 2; ++i) must(compiler.json_schema(*parse_json(R"({"type":"object","additonalProperties":{}})")));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("\"additonalProperties\" is ignored"), std::string::npos);
}

}  // namespace
}  // namespace braid::grammar
