// Many threads encode with one tokenizer at once.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/tokenizer/fixtures.h"

namespace braid {
namespace {

class TokenizerThreads : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerThreads, MayShareOneTokenizer) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<std::string> strings = testing::fixture_strings();
  std::vector<std::vector<TokenId>> expected;
  for (size_t i = 0; i < strings.size(); i += 10) expected.push_back(tokenizer->encode(strings[i], true));
  std::vector<std::thread> threads;
  std::vector<int> num_wrong(4, 0);
  for (size_t t = 0; t < num_wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < strings.size(); i += 10) {
        num_wrong[t] += tokenizer->encode(strings[i], true) != expected[i / 10];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, std::vector<int>(4, 0));
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerThreads, ::testing::ValuesIn(testing::families()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace braid
