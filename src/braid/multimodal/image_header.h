// What an image's first bytes say: format, size, orientation. Nothing is decoded, and no memory is allocated for
// pixels. Tested by image_header_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/rgb_image.h"

namespace braid {

enum class ImageFormat : unsigned char { kJpeg, kPng, kWebP };

// An image as it was sent, in the form in which all that read it take it.
inline std::span<const uint8_t> bytes_of_image(std::string_view sent) {
  return {reinterpret_cast<const uint8_t*>(sent.data()), sent.size()};
}

std::string_view image_format_name(ImageFormat format);  // "JPEG", "PNG", "WebP"

struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  ImageSize stored;         // as it is in the file
  int32_t orientation = 1;  // 1 to 8, as EXIF numbers them; 5 to 8 swap width and height

  ImageSize shown() const;  // with its orientation applied
};

// An error names the limit that the image exceeds, or what the bytes are instead of a JPEG, PNG or WebP image.
Result<ImageHeader> read_image_header(std::span<const uint8_t> bytes, const ImageLimits& limits);

// Width and height as decode_image returns them.
Result<ImageSize> image_size(std::span<const uint8_t> bytes, const ImageLimits& limits);

}  // namespace braid
