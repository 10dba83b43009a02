// Compares whole tokenizers with Hugging Face `tokenizers`: ids and texts of many strings and of every code point.
#include <gtest/gtest.h>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/tokenizer/fixtures.h"
#include "tests/support/tokenizer/reference_hash.h"

namespace braid {
namespace {

using testing::reference_hash;

// Hash over 256 code points, each alone and within a text.
uint32_t block_hash(const Tokenizer& tokenizer, char32_t block) {
  uint32_t hash = testing::kHashStart;
  for (char32_t c = block << 8; c < (block + 1) << 8; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string character;
    unicode::append_code_point(c, character);
    hash = testing::fnv_u32(reference_hash(tokenizer, character), hash);
    hash = testing::fnv_u32(reference_hash(tokenizer, "a " + character + "1"), hash);
  }
  return hash;
}

class TokenizerReference : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerReference, GivesTheSameIdsAndTextForEveryString) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<std::string> strings = testing::fixture_strings(true);
  const std::vector<std::string> expected = testing::read_lines(GetParam() + ".ids");
  ASSERT_GE(strings.size(), 2000u);
  ASSERT_EQ(strings.size(), expected.size());
  int num_wrong = 0;
  for (size_t i = 0; i < strings.size(); ++i) {
    if (fmt::format("{:08x}", reference_hash(*tokenizer, strings[i])) == expected[i]) continue;
    if (++num_wrong <= 10) ADD_FAILURE() << "string " << i << ": " << nlohmann::json(strings[i]).dump().substr(0, 200);
  }
  EXPECT_EQ(num_wrong, 0);
}

TEST_P(TokenizerReference, GivesTheSameIdsAndTextForEveryCodePoint) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<std::string> expected = testing::read_lines("code_points." + GetParam());
  ASSERT_EQ(expected.size(), 0x110u);
  int num_wrong = 0;
  for (char32_t line = 0; line < expected.size(); line += testing::kThinning) {
    if (expected[line] == "-") continue;  // unassigned or private code points: a sample is enough
    uint32_t hash = testing::kHashStart;
    for (char32_t block = line << 4; block < (line + 1) << 4; ++block) {
      hash = testing::fnv_u32(block_hash(*tokenizer, block), hash);
    }
    if (fmt::format("{:08x}", hash) == expected[line]) continue;
    if (++num_wrong <= 10) ADD_FAILURE() << "U+" << std::hex << (line << 12);
  }
  EXPECT_EQ(num_wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerReference, ::testing::ValuesIn(testing::families()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace braid
