// A JPEG's markers up to its first scan. Tested by image_header_test.cc.
#include <string_view>

#include "braid/multimodal/byte_order.h"
#include "braid/multimodal/exif_orientation.h"
#include "braid/multimodal/header_formats.h"

namespace braid {
namespace {

constexpr uint8_t kEndOfImage = 0xd9;
constexpr uint8_t kStartOfScan = 0xda;
constexpr uint8_t kApp1 = 0xe1;
constexpr std::string_view kExifSignature("Exif\0\0", 6);
constexpr std::string_view kXmpSignature("http://ns.adobe.com/xap/1.0/\0", 29);

// SOF0 to SOF15, without the three numbers among them that have another meaning.
bool is_frame_header(uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// TEM, RSTn and SOI stand alone.
bool has_no_length(uint8_t marker) {
  return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

// A block of 8 x 8 pixels takes at least one bit, unless its numbers are coded arithmetically (SOF9 and up).
bool can_hold_pixels(size_t num_bytes, ImageSize size, uint8_t frame_marker) {
  constexpr int64_t kMaxPixelsPerByte = 512;
  const int64_t pixels = int64_t{size.width} * size.height;
  return frame_marker >= 0xc9 || pixels / kMaxPixelsPerByte <= static_cast<int64_t>(num_bytes);
}

}  // namespace

Result<ImageHeader> read_jpeg_header(std::span<const uint8_t> bytes) {
  ImageHeader header{.format = ImageFormat::kJpeg};
  OrientationTags orientation;
  uint8_t frame_marker = 0;
  size_t at = 2;  // behind SOI
  while (true) {
    while (at < bytes.size() && bytes[at] != 0xff) ++at;  // as libjpeg does
    while (at < bytes.size() && bytes[at] == 0xff) ++at;
    if (at >= bytes.size()) return fail("the JPEG image is truncated: {} bytes, and no scan begins", bytes.size());
    const uint8_t marker = bytes[at++];
    if (marker == kStartOfScan || marker == kEndOfImage) break;
    if (marker == 0 || has_no_length(marker)) continue;
    const std::span<const uint8_t> rest = bytes.subspan(at);
    if (rest.size() < 2) return fail("the JPEG image is truncated: {} bytes, and no scan begins", bytes.size());
    const size_t length = big_endian_16(rest.data());
    if (length < 2) return fail("the JPEG image is damaged: a segment of {} bytes", length);
    if (length > rest.size()) {
      return fail("the JPEG image is truncated: a segment of {} bytes, and {} are left", length, rest.size());
    }
    const std::span<const uint8_t> segment = rest.subspan(2, length - 2);
    const std::string_view text(reinterpret_cast<const char*>(segment.data()), segment.size());
    if (is_frame_header(marker) && frame_marker == 0) {
      if (segment.size() < 6) return fail("the JPEG image is damaged: a frame header of {} bytes", length);
      frame_marker = marker;
      header.stored = {.width = static_cast<int32_t>(big_endian_16(&segment[3])),
                       .height = static_cast<int32_t>(big_endian_16(&segment[1]))};
    } else if (marker == kApp1 && text.starts_with(kExifSignature)) {
      orientation.add_exif(segment);
    } else if (marker == kApp1 && text.starts_with(kXmpSignature)) {
      orientation.add_xmp(segment.subspan(kXmpSignature.size()));
    }
    at += length;
  }
  if (frame_marker == 0) return fail("the JPEG image is damaged: it has no frame header");
  if (!can_hold_pixels(bytes.size(), header.stored, frame_marker)) {
    return fail("the JPEG image is truncated: {} bytes cannot hold {} x {} pixels", bytes.size(), header.stored.width,
                header.stored.height);
  }
  header.orientation = orientation.value();
  return header;
}

}  // namespace braid
