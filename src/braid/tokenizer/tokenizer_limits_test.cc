// Pathological texts: huge words and runs take linear time, malformed bytes are replaced.
#include <gtest/gtest.h>

#include <ctime>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/tokenizer/fixtures.h"

namespace braid {
namespace {

class TokenizerLimits : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerLimits, HugeRunsTakeLinearTime) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const size_t num_bytes = (512 << 10) / testing::kThinning;
  for (const char* unit : {" ",           "a",          "7",        "\n",           "!",      "\u00e9",
                           "\u4e2d",      "\U0001F600", "e\u0301",  "\u0345\u0334", "ab",     " \n",
                           "'s",          "\t ",        "A",        "\u0915\u093c", "\xff",   "\u2581",
                           "<|im_start|", "  \t",       "[right] ", "aB",           "\u3000", "</",
                           "\n\n\n",      "\ufffd"}) {
    std::string text;
    while (text.size() < num_bytes) text += unit;
    text += "\u4e2d";                         // so that the run ends before the text does
    const std::clock_t start = std::clock();  // CPU time of this process: the machine may be busy
    const std::vector<TokenId> ids = tokenizer->encode(text, false);
    EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC) << unit;
    EXPECT_FALSE(ids.empty());
  }
}

TEST_P(TokenizerLimits, MalformedBytesCountAsReplacements) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  for (const std::string text : {"a\xffz", "\xe4\xb8", "\xf0\x9f\x98 \x80\x80", "\xed\xa0\x80"}) {
    std::string repaired;
    unicode::append_lossy(text, false, repaired);
    EXPECT_EQ(tokenizer->encode(text, true), tokenizer->encode(repaired, true));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerLimits, ::testing::ValuesIn(testing::families()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace braid
