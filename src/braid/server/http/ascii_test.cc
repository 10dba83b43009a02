#include "braid/server/http/ascii.h"

#include <gtest/gtest.h>

namespace braid::http {
namespace {

TEST(Ascii, PrintableTextCannotForgeALogLine) {
  EXPECT_EQ(printable("a\n\x1b[31m\"\\\xff"), "a\\x0a\\x1b[31m\\\"\\\\\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
}

TEST(Ascii, RecognizesTokensAndTrims) {
  EXPECT_TRUE(is_token("X-Api-Key") && is_token("a!~") && !is_token("") && !is_token("a b") && !is_token("a\xC3"));
  EXPECT_EQ(trim(" \t a b\t"), "a b");
  EXPECT_EQ(trim(" "), "");
  EXPECT_TRUE(equal_ignoring_case("Content-LENGTH", "content-length") && !equal_ignoring_case("a", "ab"));
}

}  // namespace
}  // namespace braid::http
