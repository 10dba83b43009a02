// A WebP's canvas, and the chunks that may hold its orientation. Tested by image_header_test.cc.
#include <webp/decode.h>

#include <algorithm>
#include <string_view>

#include "braid/multimodal/byte_order.h"
#include "braid/multimodal/exif_orientation.h"
#include "braid/multimodal/header_formats.h"

namespace braid {
namespace {

constexpr size_t kRiffHeadBytes = 12;
constexpr size_t kRiffChunkHeadBytes = 8;
constexpr uint8_t kHasXmp = 1U << 2;  // flags of the VP8X chunk
constexpr uint8_t kHasExif = 1U << 3;

// Only files with a VP8X chunk have metadata, and it says which.
int32_t riff_orientation(std::span<const uint8_t> bytes) {
  OrientationTags orientation;
  uint8_t flags = 0;
  std::span<const uint8_t> rest = bytes.subspan(std::min(kRiffHeadBytes, bytes.size()));
  while (rest.size() >= kRiffChunkHeadBytes) {
    const std::string_view type(reinterpret_cast<const char*>(rest.data()), 4);
    const size_t length = little_endian_32(&rest[4]);
    rest = rest.subspan(kRiffChunkHeadBytes);
    if (length > rest.size()) break;  // the decoder reports it
    const std::span<const uint8_t> chunk = rest.first(length);
    if (type == "VP8X" && length > 0) flags = chunk[0];
    if (type == "EXIF" && (flags & kHasExif) != 0) orientation.add_exif(chunk);
    if (type == "XMP " && (flags & kHasXmp) != 0) orientation.add_xmp(chunk);
    rest = rest.subspan(std::min(rest.size(), length + length % 2));
  }
  return orientation.value();
}

}  // namespace

Result<ImageHeader> read_webp_header(std::span<const uint8_t> bytes) {
  WebPBitstreamFeatures features;
  switch (WebPGetFeatures(bytes.data(), bytes.size(), &features)) {
    case VP8_STATUS_OK:
      break;
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return fail("the WebP image is truncated: it ends after {} bytes, within its header", bytes.size());
    default:
      return fail("the WebP image is damaged: its header cannot be read");
  }
  return ImageHeader{.format = ImageFormat::kWebP,
                     .stored = {.width = features.width, .height = features.height},
                     .orientation = riff_orientation(bytes)};
}

}  // namespace braid
