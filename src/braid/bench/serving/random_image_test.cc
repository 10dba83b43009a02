#include "braid/bench/serving/random_image.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/sources/image_source.h"

namespace braid::serving {
namespace {

TEST(RandomImage, IsAnImageOfItsSizeInADataUrl) {
  const ImageSize size{.width = 33, .height = 20};
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng}) {
    for (const uint64_t seed : {1, 2, 3}) {  // lengths modulo 3 differ
      const std::string bytes = random_image(size, format, seed);
      const auto given = load_image_source(data_url(format, bytes), {});
      ASSERT_TRUE(given.ok()) << given.error().message;
      EXPECT_EQ(*given, bytes);
      const auto image = decode_image(bytes_of_image(*given), {});
      ASSERT_TRUE(image.ok()) << image.error().message;
      EXPECT_EQ(image->size, size);
    }
  }
}

TEST(RandomImage, IsAnotherForEachSeed) {
  const ImageSize size{.width = 64, .height = 48};
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng}) {
    EXPECT_EQ(random_image(size, format, 1), random_image(size, format, 1));
    EXPECT_NE(random_image(size, format, 1), random_image(size, format, 2));
  }
}

TEST(RandomImage, TakesAboutAsManyBytesAsAPhotograph) {
  const ImageSize size{.width = 1120, .height = 700};
  const double bits_a_pixel =
      8.0 * static_cast<double>(random_image(size, ImageFormat::kJpeg, 1).size()) / (1120 * 700);
  EXPECT_GT(bits_a_pixel, 1);
  EXPECT_LT(bits_a_pixel, 4);
}

TEST(RandomImage, FlagsAreParsed) {
  EXPECT_EQ(parse_image_size("1120x700").value(), (ImageSize{.width = 1120, .height = 700}));
  for (const char* text :
       {"", "1120", "1120x", "x700", "0x5", "5x0", "1120x700 ", "-1x5", "16385x1", "1x99999999999"}) {
    EXPECT_FALSE(parse_image_size(text).ok()) << text;
  }
  EXPECT_EQ(parse_image_format("png").value(), ImageFormat::kPng);
  EXPECT_EQ(parse_image_format("gif").error().message, "--image-format gif: must be jpeg or png");
}

}  // namespace
}  // namespace braid::serving
