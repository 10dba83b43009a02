#include "braid/multimodal/sources/data_url.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

std::string data_text(std::string_view url, int64_t max_bytes = 1000) {
  const auto bytes = decode_data_url(url, max_bytes);
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
}

TEST(DataUrl, BothFormsAreDecoded) {
  EXPECT_EQ(data_text("data:image/png;base64,Zm9v"), "foo");
  EXPECT_EQ(data_text("DATA:image/png;charset=utf-8;BASE64,Zm9v"), "foo");
  EXPECT_EQ(data_text("data:;base64,Zg%3D%3D"), "f");
  EXPECT_EQ(data_text("data:,f%6fo,"), "foo,");
  EXPECT_EQ(data_text("data:base64,Zm9v"), "Zm9v");  // base64 is a media type here
  EXPECT_EQ(data_text("data:,"), "");
}

TEST(DataUrl, DamagedOnesAreErrors) {
  EXPECT_EQ(data_text("data:image/png;base64"), "error: a data: URL of 21 characters has no comma before its data");
  EXPECT_TRUE(has_text(data_text("data:,%4"), "character 1 is a % without two hexadecimal digits"));
  EXPECT_TRUE(has_text(data_text("data:,ab%zz"), "character 3 is a %"));
  EXPECT_TRUE(has_text(data_text("data:;base64,Z*9v"), "is not base64"));
}

TEST(DataUrl, TheLimitIsNamed) {
  EXPECT_EQ(data_text("data:,abcd", 4), "abcd");
  EXPECT_EQ(data_text("data:,abcde", 4), "error: the image has 5 bytes, the limit is 4");
  EXPECT_TRUE(has_text(data_text("data:;base64,Zm9vYmFy", 4), "the image has 6 bytes, the limit is 4"));
  EXPECT_TRUE(has_text(data_text("data:," + std::string(100, 'x'), 4), "too many for the limit of 4 bytes"));
  EXPECT_EQ(data_text("data:,%61%62%63%64", 4), "abcd");
}

}  // namespace
}  // namespace braid
