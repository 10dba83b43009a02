#include "braid/tokenizer/unicode/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace braid::unicode {
namespace {

std::string repaired(std::string_view bytes) {
  std::string out;
  append_lossy(bytes, false, out);
  return out;
}

TEST(Utf8, EachMaximalMalformedPartIsOneReplacement) {  // Unicode 15, tables 3-8 to 3-11
  const std::string r = "\uFFFD";
  EXPECT_EQ(repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(repaired("\xE4\xB8"), r);
  EXPECT_EQ(repaired("\u4e2d\U0001F600"), "\u4e2d\U0001F600");
  EXPECT_FALSE(is_valid_utf8("abcdefgh\x80"));
  EXPECT_TRUE(is_valid_utf8("abcdefgh\u0080"));
}

TEST(Utf8, AnIncompleteEndWaitsForMore) {
  std::string out;
  EXPECT_EQ(append_lossy("a\xF0\x9F\x98", true, out), 1u);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(append_lossy("\xF0\x9F\x20", true, out), 3u);  // can no longer become one character
  EXPECT_EQ(out, "a\uFFFD ");
}

}  // namespace
}  // namespace braid::unicode
