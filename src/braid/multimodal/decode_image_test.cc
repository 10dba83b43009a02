#include "braid/multimodal/decode_image.h"

#include <gtest/gtest.h>

#include <string>

#include "braid/multimodal/image_header.h"
#include "braid/multimodal/orient.h"
#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

std::string decode_error(const std::vector<uint8_t>& bytes) {
  const auto image = decode_image(bytes, {});
  return image.ok() ? "no error" : image.error().message;
}

// The expected files are plain 8-bit RGB, which RgbPngIsReadExactly holds to numbers.
TEST(DecodeImage, PixelsAreThoseOfPillow) {
  const Json cases = image_cases();
  size_t num_cases = 0;
  for (const Json& name : cases.at("decoded")) {
    const auto file = name.get<std::string>();
    const std::vector<uint8_t> bytes = testdata_bytes("images/" + file);
    const auto image = decode_image(bytes, {});
    ASSERT_TRUE(image.ok()) << file << ": " << image.error().message;
    const auto expected = decode_image(testdata_bytes("decoded/" + file + ".png"), {});
    ASSERT_TRUE(expected.ok()) << file << ": " << expected.error().message;
    ASSERT_EQ(image->size, expected->size) << file;
    const auto size = image_size(bytes, {});
    ASSERT_TRUE(size.ok()) << file;
    EXPECT_EQ(*size, expected->size) << file;
    size_t num_unequal = 0;
    for (size_t i = 0; i < image->pixels.size(); ++i) num_unequal += image->pixels[i] != expected->pixels[i] ? 1 : 0;
    EXPECT_EQ(num_unequal, 0U) << file << ": of " << image->pixels.size();
    ++num_cases;
  }
  EXPECT_GE(num_cases, 55U);
}

TEST(DecodeImage, RgbPngIsReadExactly) {
  // Rows [255 0 0, 0 255 0] and [0 0 255, 9 8 7], written by Pillow.
  const std::vector<uint8_t> png = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
                                    0x44, 0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x08, 0x02, 0x00, 0x00,
                                    0x00, 0xfd, 0xd4, 0x9a, 0x73, 0x00, 0x00, 0x00, 0x16, 0x49, 0x44, 0x41, 0x54, 0x78,
                                    0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xc0, 0xf0, 0x9f, 0x81, 0x81, 0x81, 0xe1, 0x3f, 0x27,
                                    0x07, 0x3b, 0x00, 0x1a, 0x26, 0x03, 0x16, 0x5c, 0x56, 0xfb, 0xd8, 0x00, 0x00, 0x00,
                                    0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const auto image = decode_image(png, {});
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->pixels, (std::vector<uint8_t>{255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7}));
}

TEST(DecodeImage, CutFilesAreErrors) {
  for (const char* name : {"ycbcr_420.jpg", "progressive.jpg", "cmyk.jpg", "rgb_16.png", "rgba_8_interlaced.png",
                           "palette_4.png", "lossy.webp", "lossless_alpha.webp", "animation.webp"}) {
    const std::vector<uint8_t> bytes = testdata_bytes(std::string("images/") + name);
    for (size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 13) {
      const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const std::string error = decode_error(cut);
      // The last bytes of a file are not pixels.
      if (size + 64 < bytes.size()) {
        EXPECT_NE(error, "no error") << name << " cut to " << size;
      }
    }
    const std::vector<uint8_t> half(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 3 / 4));
    EXPECT_TRUE(has_text(decode_error(half), "truncated")) << name;
  }
}

TEST(DecodeImage, BytesBehindAnImageDoNotMatter) {
  for (const char* name : {"ycbcr_444.jpg", "progressive.jpg", "rgb_8.png", "lossy.webp"}) {
    std::vector<uint8_t> bytes = testdata_bytes(std::string("images/") + name);
    bytes.insert(bytes.end(), 50, 'x');
    EXPECT_EQ(decode_error(bytes), "no error") << name;
  }
}

TEST(DecodeImage, DamagedBytesAreErrorsOrOtherPixels) {
  uint32_t random = 1;
  for (const char* name : {"ycbcr_420.jpg", "progressive.jpg", "ycck.jpg", "rgb_16.png", "palette_8.png", "lossy.webp",
                           "lossless.webp", "animation_offset.webp"}) {
    const std::vector<uint8_t> bytes = testdata_bytes(std::string("images/") + name);
    for (int i = 0; i < 200; ++i) {
      std::vector<uint8_t> damaged = bytes;
      for (int j = 0; j < 3; ++j) {
        random = random * 1664525 + 1013904223;
        damaged[(random >> 8) % damaged.size()] = static_cast<uint8_t>(random >> 24);
      }
      const auto image = decode_image(damaged, {.max_pixels = 1 << 20});
      if (image.ok()) {
        EXPECT_EQ(image->pixels.size(),
                  size_t{3} * static_cast<size_t>(image->size.width) * static_cast<size_t>(image->size.height));
      }
    }
  }
}

TEST(DecodeImage, AJpegOfManyScansIsRefused) {
  const std::vector<uint8_t> bytes = testdata_bytes("images/progressive.jpg");
  // The last scan again and again, before the end of the image.
  size_t last_scan = 0;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] == 0xff && bytes[i + 1] == 0xda) last_scan = i;
  }
  const auto end = bytes.end() - 2;
  const auto scan = bytes.begin() + static_cast<std::ptrdiff_t>(last_scan);
  std::vector<uint8_t> many(bytes.begin(), end);
  for (int i = 0; i < 60; ++i) many.insert(many.end(), scan, end);
  many.insert(many.end(), end, bytes.end());
  EXPECT_EQ(decode_error(many), "the JPEG image has more than 50 scans, which is the limit");
}

TEST(DecodeImage, TwoSizesAreAnError) {
  // A second frame header; a WebP canvas that its frame does not fit into.
  std::vector<uint8_t> webp = testdata_bytes("images/animation_offset.webp");
  ASSERT_EQ(webp[24], 63);
  webp[24] = 40;
  EXPECT_TRUE(has_text(decode_error(webp), "damaged"));
}

// All eight, pixel by pixel, over sides that are no multiple of the squares in which the image is turned.
TEST(ApplyOrientation, FollowsTheDefinitions) {
  const ImageSize size{.width = 37, .height = 70};
  RgbImage image{.size = size, .pixels = {}};
  for (int32_t y = 0; y < size.height; ++y) {
    for (int32_t x = 0; x < size.width; ++x) image.pixels.insert(image.pixels.end(), {uint8_t(x), uint8_t(y), 7});
  }
  const int32_t right = size.width - 1;
  const int32_t bottom = size.height - 1;
  for (int32_t orientation = 1; orientation <= 8; ++orientation) {
    const RgbImage upright = apply_orientation(image, orientation);
    ASSERT_EQ(upright.size, orientation < 5 ? size : (ImageSize{size.height, size.width}));
    for (int32_t y = 0; y < upright.size.height; ++y) {
      for (int32_t x = 0; x < upright.size.width; ++x) {
        const int32_t sources[8][2] = {{x, y}, {right - x, y},  {right - x, bottom - y}, {x, bottom - y},
                                       {y, x}, {y, bottom - x}, {right - y, bottom - x}, {right - y, x}};
        const auto at = static_cast<size_t>(y * upright.size.width + x) * 3;
        ASSERT_EQ(upright.pixels[at], sources[orientation - 1][0]) << orientation;
        ASSERT_EQ(upright.pixels[at + 1], sources[orientation - 1][1]) << orientation;
        ASSERT_EQ(upright.pixels[at + 2], 7);
      }
    }
  }
}

}  // namespace
}  // namespace braid
