#include "braid/base/percent_decoding.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace braid {
namespace {

TEST(PercentDecoding, DigitsOfBothCasesAreBytes) {
  EXPECT_EQ(decode_percent("a%20b%2F%2f%ff"), "a b//\xff");
  EXPECT_EQ(decode_percent("%00"), std::string(1, '\0'));
  EXPECT_EQ(decode_percent("%2525"), "%25");  // once
  EXPECT_EQ(decode_percent(""), "");
}

TEST(PercentDecoding, BadOnesAreFound) {
  constexpr size_t kNone = std::string_view::npos;
  EXPECT_EQ(find_bad_percent("a%20b%2F"), kNone);
  EXPECT_EQ(find_bad_percent(""), kNone);
  EXPECT_EQ(find_bad_percent("%"), 0U);
  EXPECT_EQ(find_bad_percent("ab%4"), 2U);
  EXPECT_EQ(find_bad_percent("%20%g0"), 3U);
  EXPECT_EQ(find_bad_percent("%20%0g"), 3U);
  EXPECT_EQ(find_bad_percent("%%20"), 0U);
}

}  // namespace
}  // namespace braid
