#include "braid/multimodal/decode_image.h"

#include <utility>

#include "braid/multimodal/decode_formats.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/orient.h"

namespace braid {
namespace {

Status decode_pixels(ImageFormat format, std::span<const uint8_t> bytes, RgbImage& image) {
  switch (format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, image);
    case ImageFormat::kPng:
      return decode_png(bytes, image);
    case ImageFormat::kWebP:
      return decode_webp(bytes, image);
  }
  CHECK(false, "image format {}", static_cast<int>(format));
}

}  // namespace

Result<RgbImage> decode_image(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  TRY(const ImageHeader header, read_image_header(bytes, limits));
  RgbImage image{.size = header.stored, .pixels = {}};
  image.pixels.resize(size_t{3} * static_cast<size_t>(header.stored.width) * static_cast<size_t>(header.stored.height));
  TRY_STATUS(decode_pixels(header.format, bytes, image));
  return apply_orientation(std::move(image), header.orientation);
}

}  // namespace braid
