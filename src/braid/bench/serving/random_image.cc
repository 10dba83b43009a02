#include "braid/bench/serving/random_image.h"

#include <fmt/format.h>
#include <png.h>

#include <cstdio>  // jpeglib.h needs it
#include <cstdlib>
// After cstdio.
#include <jpeglib.h>

#include <array>
#include <charconv>
#include <random>
#include <vector>

#include "braid/base/check.h"

namespace braid::serving {
namespace {

constexpr int32_t kMaxImageSide = 16'384;
constexpr int kJpegQuality = 85;

// The corners' colours, joined linearly, and noise of at most 16 to either side.
RgbImage noisy_gradient(ImageSize size, uint64_t seed) {
  constexpr int kNoise = 32;
  std::mt19937_64 random(seed);
  std::array<std::array<int32_t, 3>, 4> corners;
  for (auto& corner : corners) {
    for (int32_t& channel : corner) channel = 16 + static_cast<int32_t>(random() % 224);
  }
  RgbImage image{.size = size, .pixels = {}};
  image.pixels.resize(size_t{3} * static_cast<size_t>(size.width) * static_cast<size_t>(size.height));
  uint8_t* pixel = image.pixels.data();
  uint64_t bits = random() | 1;
  for (int32_t y = 0; y < size.height; ++y) {
    for (int32_t x = 0; x < size.width; ++x) {
      bits ^= bits << 13;  // Marsaglia's xorshift: the generator above would take most of the time
      bits ^= bits >> 7;
      bits ^= bits << 17;
      const int64_t right = x;
      const int64_t left = size.width - x;
      for (size_t c = 0; c < 3; ++c) {
        const int64_t top = (corners[0][c] * left + corners[1][c] * right) / size.width;
        const int64_t bottom = (corners[2][c] * left + corners[3][c] * right) / size.width;
        const int64_t noise = static_cast<int64_t>((bits >> (16 * c)) % kNoise) - kNoise / 2;
        *pixel++ = static_cast<uint8_t>((top * (size.height - y) + bottom * y) / size.height + noise);
      }
    }
  }
  return image;
}

std::string jpeg_bytes(const RgbImage& image) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long num_bytes = 0;  // NOLINT: the library's type
  jpeg_mem_dest(&info, &buffer, &num_bytes);
  info.image_width = static_cast<JDIMENSION>(image.size.width);
  info.image_height = static_cast<JDIMENSION>(image.size.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, kJpegQuality, TRUE);
  jpeg_start_compress(&info, TRUE);
  const size_t row_bytes = size_t{3} * info.image_width;
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(image.pixels.data() + info.next_scanline * row_bytes);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(buffer), num_bytes);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return bytes;
}

std::string png_bytes(const RgbImage& image) {
  png_image info = {};
  info.version = PNG_IMAGE_VERSION;
  info.width = static_cast<png_uint_32>(image.size.width);
  info.height = static_cast<png_uint_32>(image.size.height);
  info.format = PNG_FORMAT_RGB;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(info), '\0');
  png_alloc_size_t num_bytes = bytes.size();
  const int is_written = png_image_write_to_memory(&info, bytes.data(), &num_bytes, 0, image.pixels.data(), 0, nullptr);
  CHECK(is_written != 0, "libpng: {}", info.message);
  bytes.resize(num_bytes);
  return bytes;
}

std::string base64_of(const std::string& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = (bits << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k <= count; ++k) out[k] = kDigits[(bits >> (18 - 6 * k)) & 63U];
    out += 4;
  }
  return text;
}

}  // namespace

Result<ImageFormat> parse_image_format(const std::string& name) {
  if (name == "jpeg") return ImageFormat::kJpeg;
  if (name == "png") return ImageFormat::kPng;
  return fail("--image-format {}: must be jpeg or png", name);
}

Result<ImageSize> parse_image_size(const std::string& text) {
  ImageSize size;
  const char* const end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  const bool has_width = width.ec == std::errc() && width.ptr != end && *width.ptr == 'x';
  const auto height = has_width ? std::from_chars(width.ptr + 1, end, size.height) : width;
  const auto is_good = [](int32_t side) { return side >= 1 && side <= kMaxImageSide; };
  if (has_width && height.ec == std::errc() && height.ptr == end && is_good(size.width) && is_good(size.height)) {
    return size;
  }
  return fail("--image-size {}: must be WIDTHxHEIGHT, each from 1 to {}", text, kMaxImageSide);
}

std::string random_image(ImageSize size, ImageFormat format, uint64_t seed) {
  const RgbImage image = noisy_gradient(size, seed);
  return format == ImageFormat::kJpeg ? jpeg_bytes(image) : png_bytes(image);
}

std::string data_url(ImageFormat format, const std::string& bytes) {
  return fmt::format("data:image/{};base64,{}", format == ImageFormat::kJpeg ? "jpeg" : "png", base64_of(bytes));
}

}  // namespace braid::serving
