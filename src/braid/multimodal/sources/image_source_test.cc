#include "braid/multimodal/sources/image_source.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

std::string source_text(std::string_view url, const MediaPolicy& policy = {}) {
  const auto bytes = load_image_source(url, policy);
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
}

TEST(ImageSource, TheSchemeDecides) {
  EXPECT_EQ(source_text("data:;base64,Zm9v"), "foo");
  EXPECT_EQ(source_text("Data:,foo"), "foo");
  EXPECT_EQ(source_text("Zm9v"), "foo");
  EXPECT_TRUE(has_text(source_text("file:///a.jpg"), "with --allowed-local-media-path DIR only"));
  EXPECT_TRUE(has_text(source_text("FILE:///a.jpg"), "with --allowed-local-media-path DIR only"));
  EXPECT_TRUE(has_text(source_text("http://a/b.jpg"), "with --allow-remote-media only"));
  EXPECT_TRUE(has_text(source_text("HTTPS://a/b.jpg"), "with --allow-remote-media only"));
}

TEST(ImageSource, OthersAreErrorsThatSayWhatIsAllowed) {
  constexpr const char* kAllowed =
      "must be a data: URL, base64, or a URL that begins with file://, http:// or https://";
  EXPECT_TRUE(has_text(source_text("ftp://a/b.jpg"), kAllowed));
  EXPECT_TRUE(has_text(source_text("gopher:x"), kAllowed));
  EXPECT_TRUE(has_text(source_text("cat.jpg"), "character 4 of 7 (0x2e) is not base64"));
  EXPECT_TRUE(has_text(source_text("cat.jpg"), kAllowed));
  EXPECT_TRUE(has_text(source_text(""), "the image is empty"));
}

TEST(ImageSource, LimitsHoldForEveryForm) {
  EXPECT_TRUE(has_text(source_text("Zm9v", {.max_bytes = 2}), "the limit is 2"));
  EXPECT_TRUE(has_text(source_text("data:,foo", {.max_bytes = 2}), "the limit is 2"));
}

TEST(ImageSource, AMessageHasTheBeginningOfTheUrlAlone) {
  EXPECT_EQ(url_excerpt("http://a/b\n\x7f.jpg"), "http://a/b??.jpg");
  EXPECT_EQ(url_excerpt("data:image/png;base64," + std::string(1000, 'A')), "data:image/png;base64… (1022 characters)");
  EXPECT_EQ(url_excerpt(std::string(1000, 'A')), std::string(80, 'A') + "… (1000 characters)");
}

}  // namespace
}  // namespace braid
