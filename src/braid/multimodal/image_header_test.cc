#include "braid/multimodal/image_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

using namespace std::literals;

std::span<const uint8_t> header_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string header_error(std::string_view text, const ImageLimits& limits = {}) {
  const auto size = image_size(header_bytes(text), limits);
  return size.ok() ? "no error" : size.error().message;
}

std::string png_of(uint32_t width, uint32_t height, size_t num_bytes = 0) {
  std::string png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;
  for (const uint32_t side : {width, height}) {
    for (const int shift : {24, 16, 8, 0}) png += static_cast<char>(side >> shift);
  }
  png += "\x08\x02\0\0\0crc."s;
  return png + std::string(num_bytes, 'x');
}

std::string jpeg_of(uint32_t width, uint32_t height, size_t num_bytes = 0, char frame = '\xc0') {
  std::string jpeg = "\xff\xd8\xff\xe0\0\x04.."s + "\xff" + frame + "\0\x0b\x08"s;
  for (const uint32_t side : {height, width}) {
    jpeg += static_cast<char>(side >> 8);
    jpeg += static_cast<char>(side);
  }
  return jpeg + "\x01\x01\x11\0\xff\xda"s + std::string(num_bytes, 'x');
}

TEST(ImageHeader, LimitsAreNamedBeforeMemoryIsSpent) {
  EXPECT_EQ(header_error(std::string(101, 'x'), {.max_bytes = 100}), "the image has 101 bytes, the limit is 100");
  EXPECT_EQ(header_error(png_of(40'000, 1, 1000)), "the image has 40000 x 1 pixels, the limit is 32768 on each side");
  EXPECT_EQ(header_error(png_of(20'000, 20'000, 2'000'000)),
            "the image has 20000 x 20000 = 400000000 pixels, the limit is 67108864");
  EXPECT_EQ(header_error(png_of(0x7fffffff, 0x7fffffff)),
            "the image has 2147483647 x 2147483647 pixels, the limit is 32768 on each side");
  EXPECT_EQ(header_error(jpeg_of(65'000, 100, 100'000)),
            "the image has 65000 x 100 pixels, the limit is 32768 on each side");
  EXPECT_EQ(header_error(png_of(10, 0)), "the image has 10 x 0 pixels, must have at least 1 x 1");
  EXPECT_EQ(header_error(jpeg_of(0, 10)), "the image has 0 x 10 pixels, must have at least 1 x 1");
  EXPECT_TRUE(has_text(header_error(png_of(0x80000000, 1)), "damaged: 2147483648 x 1 pixels"));
  EXPECT_EQ(header_error(png_of(30, 30, 100), {.max_pixels = 899}),
            "the image has 30 x 30 = 900 pixels, the limit is 899");
  EXPECT_EQ(header_error(png_of(30, 30, 100), {.max_pixels = 900}), "no error");
}

TEST(ImageHeader, AFewBytesAreNoLargeImage) {
  EXPECT_EQ(header_error(png_of(8000, 8000)), "the PNG image is truncated: 33 bytes cannot hold 8000 x 8000 pixels");
  EXPECT_EQ(header_error(png_of(8000, 8000, 200'000)), "no error");
  EXPECT_EQ(header_error(jpeg_of(8000, 8000)), "the JPEG image is truncated: 23 bytes cannot hold 8000 x 8000 pixels");
  EXPECT_EQ(header_error(jpeg_of(8000, 8000, 200'000)), "no error");
  EXPECT_EQ(header_error(jpeg_of(8000, 8000, 0, '\xc9')), "no error");  // arithmetic coding needs less
}

TEST(ImageHeader, OtherTypesAreNamed) {
  EXPECT_EQ(header_error(""), "the image is empty (0 bytes)");
  EXPECT_EQ(header_error("GIF89a...."), "the image is a GIF image: images must be JPEG, PNG or WebP");
  EXPECT_TRUE(has_text(header_error("BM......"), "a BMP image"));
  EXPECT_TRUE(has_text(header_error("MM\0*...."sv), "a TIFF image"));
  EXPECT_TRUE(has_text(header_error("\n <?xml version='1.0'?><svg>"), "an SVG image"));
  EXPECT_TRUE(has_text(header_error("<!DOCTYPE html><html>"), "an HTML or XML document"));
  EXPECT_TRUE(has_text(header_error("%PDF-1.7"), "a PDF document"));
  EXPECT_TRUE(has_text(header_error("\0\0\0\x1c"
                                    "ftypavif..."sv),
                       "an AVIF, HEIF or MP4 file"));
  EXPECT_TRUE(has_text(header_error("RIFF....WAVEfmt"), "no WebP image"));
  EXPECT_EQ(header_error("hello, world"),
            "the image begins with the bytes 68 65 6c 6c 6f 2c 20 77: images must be JPEG, PNG or WebP");
}

TEST(ImageHeader, DamagedHeadersAreErrors) {
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff"sv), "truncated"));
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff\xe0\0"sv), "truncated"));
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff\xe0\0\x01"sv), "a segment of 1 bytes"));
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff\xe0\x10\0.."sv), "a segment of 4096 bytes, and 4 are left"));
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff\xda"sv), "it has no frame header"));
  EXPECT_TRUE(has_text(header_error("\xff\xd8\xff\xc0\0\x04..\xff\xda"sv), "a frame header of 4 bytes"));
  EXPECT_TRUE(has_text(header_error("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv), "it ends after 16 bytes"));
  EXPECT_TRUE(
      has_text(header_error("\x89PNG\r\n\x1a\n\0\0\0\rIDAT0000000000000crc."sv), "its first chunk is not IHDR"));
  EXPECT_TRUE(has_text(header_error("RIFF\x20\0\0\0WEBPVP8L"sv), "truncated"));
  EXPECT_TRUE(has_text(header_error("RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0................"sv), "damaged"));
}

// Whatever the file is cut to, its header is an error or the whole file's.
TEST(ImageHeader, ACutFileHasTheSameSizeOrNone) {
  for (const char* name : {"orientation_6.jpg", "orientation.png", "orientation_xmp.png", "orientation.webp"}) {
    const std::vector<uint8_t> bytes = testdata_bytes(std::string("images/") + name);
    const auto whole = read_image_header(bytes, {});
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto cut = read_image_header(std::span(bytes).first(size), {});
      if (cut.ok()) {
        EXPECT_EQ(cut->stored, whole->stored) << name << " " << size;
      }
    }
  }
}

TEST(ImageHeader, OrientationSwapsTheShownSides) {
  for (int32_t orientation = 1; orientation <= 8; ++orientation) {
    const ImageHeader header{.stored = {.width = 3, .height = 2}, .orientation = orientation};
    EXPECT_EQ(header.shown(), orientation >= 5 ? (ImageSize{2, 3}) : (ImageSize{3, 2}));
  }
}

}  // namespace
}  // namespace braid
