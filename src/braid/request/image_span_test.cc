#include "braid/request/image_span.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <set>

namespace braid {
namespace {

ImageKey key_of(uint8_t byte) {
  ImageKey key{};
  key[31] = byte;
  return key;
}

TEST(PlaceholderToken, IsNegativeAndSaysWhichImageAndWhere) {
  std::set<TokenId> tokens;
  for (const uint8_t image : std::initializer_list<uint8_t>{0, 1, 2}) {
    for (int32_t index = 0; index < 1000; ++index) {
      const TokenId token = placeholder_token(key_of(image), index);
      EXPECT_TRUE(is_placeholder(token));
      EXPECT_EQ(token, placeholder_token(key_of(image), index));
      tokens.insert(token);
    }
  }
  // The three keys differ in one word of four: three quarters of their tokens are the same.
  EXPECT_EQ(tokens.size(), 750U + 3U * 250U);
}

TEST(PlaceholderToken, OrdinaryTokensAreNone) {
  EXPECT_FALSE(is_placeholder(0));
  EXPECT_FALSE(is_placeholder(151'655));
}

}  // namespace
}  // namespace braid
