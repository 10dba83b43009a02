#include "braid/base/byte_string.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace braid {
namespace {

struct Gapless {
  uint32_t first = 0;
  uint32_t second = 0;
};
struct WithGap {
  uint8_t first = 0;
  uint32_t second = 0;
};
static_assert(Packable<Gapless> && Packable<int64_t> && !Packable<WithGap> && !Packable<std::string>);

TEST(ByteString, NumbersComeBackInTheirOrder) {
  std::string bytes;
  append_bytes(bytes, uint32_t{0x04030201});
  append_bytes(bytes, int8_t{-1});
  append_bytes(bytes, Gapless{.first = 5, .second = 0xFFFFFFFF});
  EXPECT_EQ(bytes, std::string("\1\2\3\4\xFF\5\0\0\0\xFF\xFF\xFF\xFF", 13));

  std::string_view rest = bytes;
  uint32_t number = 0;
  int8_t small = 0;
  Gapless both;
  ASSERT_TRUE(take_bytes(rest, number) && take_bytes(rest, small) && take_bytes(rest, both));
  EXPECT_EQ(number, 0x04030201U);
  EXPECT_EQ(small, -1);
  EXPECT_EQ(both.first, 5U);
  EXPECT_EQ(both.second, 0xFFFFFFFFU);
  EXPECT_TRUE(rest.empty());
}

TEST(ByteString, TooFewBytesAreNotTaken) {
  std::string_view bytes = "abc";
  uint32_t number = 7;
  EXPECT_FALSE(take_bytes(bytes, number));
  EXPECT_EQ(number, 7U);
  EXPECT_EQ(bytes, "abc");
}

}  // namespace
}  // namespace braid
