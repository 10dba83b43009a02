#include "braid/server/openai/write/logprobs.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::openai {
namespace {

using testing::TinyTokenizer;

TEST(TokenNames, BytesJoinToTheText) {
  const TinyTokenizer tokenizer;
  CommonParameters common;
  const TokenNames names(tokenizer, common);
  EXPECT_EQ(names.bytes(TinyTokenizer::kHalf, false) + names.bytes(TinyTokenizer::kOtherHalf, false), "\xc3\xa9");
  EXPECT_EQ(names.shown(TinyTokenizer::kHalf, false), "\xef\xbf\xbd");
  EXPECT_EQ(names.bytes(TinyTokenizer::kSpaceB, true), "b") << "the decoder drops the first space";
  EXPECT_EQ(names.bytes(TinyTokenizer::kSpaceB, false), " b");
  EXPECT_EQ(names.bytes(TinyTokenizer::kStop, false), "") << "a special token is not in the text";
  EXPECT_EQ(names.shown(TinyTokenizer::kStop, false), "</s>");
  common.skip_special_tokens = false;
  EXPECT_EQ(TokenNames(tokenizer, common).bytes(TinyTokenizer::kStop, false), "</s>");
}

}  // namespace
}  // namespace braid::openai
