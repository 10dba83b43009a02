#include "braid/multimodal/sources/base64.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

std::string base64_text(std::string_view text, int64_t max_bytes = 1000) {
  const auto bytes = decode_base64(text, max_bytes);
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
}

TEST(Base64, IsDecoded) {
  EXPECT_EQ(base64_text(""), "");
  EXPECT_EQ(base64_text("Zg=="), "f");
  EXPECT_EQ(base64_text("Zm8="), "fo");
  EXPECT_EQ(base64_text("Zm9v"), "foo");
  EXPECT_EQ(base64_text("Zm9vYg"), "foob");  // "=" may be missing
  EXPECT_EQ(base64_text(" Zm9v\r\nYmE=\n"), "fooba");
  EXPECT_EQ(base64_text("+/+/"), base64_text("-_-_"));
  EXPECT_EQ(base64_text("//8"), "\xff\xff");
}

// Whole groups go another way than the rest.
TEST(Base64, ALineBreakAnywhereChangesNothing) {
  const std::string text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  const std::string bytes = base64_text(text);
  ASSERT_EQ(bytes.size(), 32U);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], static_cast<char>(i));
  for (size_t at = 0; at <= text.size(); ++at) {
    EXPECT_EQ(base64_text(text.substr(0, at) + "\n" + text.substr(at)), bytes) << at;
  }
}

TEST(Base64, OtherTextIsAnError) {
  EXPECT_EQ(base64_text("Zm9v!"), "error: character 5 of 5 (0x21) is not base64");
  EXPECT_EQ(base64_text("Zg==Zg=="), "error: character 5 of 8 (0x5a) is not base64");
  EXPECT_EQ(base64_text("Zm9vY"), "error: 5 characters of base64 are no whole bytes");
  EXPECT_EQ(base64_text("Zm9v==="), "error: 4 characters of base64 are no whole bytes");
}

TEST(Base64, TheLimitIsNamed) {
  EXPECT_EQ(base64_text("Zm9v", 3), "foo");
  EXPECT_EQ(base64_text("Zm9v", 2), "error: the image has 3 bytes, the limit is 2");
}

}  // namespace
}  // namespace braid
