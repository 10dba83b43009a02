// A PNG's IHDR chunk, and the chunks that may hold its orientation. Tested by image_header_test.cc.
#include <array>
#include <limits>
#include <string_view>

#include "braid/multimodal/byte_order.h"
#include "braid/multimodal/exif_orientation.h"
#include "braid/multimodal/header_formats.h"

namespace braid {
namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kChunkHeadBytes = 8;  // length and type
constexpr size_t kChunkCheckBytes = 4;
constexpr size_t kIhdrBytes = 13;

// The uncompressed text of an iTXt chunk with an XMP packet; empty for every other.
std::span<const uint8_t> xmp_of(std::span<const uint8_t> chunk) {
  constexpr std::string_view kKeyword("XML:com.adobe.xmp\0", 18);
  const std::string_view text(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  const size_t flags = kKeyword.size();  // is it compressed, and how
  if (!text.starts_with(kKeyword) || chunk.size() < flags + 2 || chunk[flags] != 0) return {};
  const size_t language_end = text.find('\0', flags + 2);
  if (language_end == std::string_view::npos) return {};
  const size_t translation_end = text.find('\0', language_end + 1);
  if (translation_end == std::string_view::npos) return {};
  return chunk.subspan(translation_end + 1);
}

// Deflate makes at most 1032 bytes of one.
bool can_hold_rows(size_t num_bytes, ImageSize size, int32_t bits_per_pixel) {
  constexpr int64_t kMaxExpansion = 1032;
  const int64_t row_bytes = (int64_t{size.width} * bits_per_pixel + 7) / 8;
  return row_bytes * size.height / kMaxExpansion <= static_cast<int64_t>(num_bytes);
}

int32_t channels_of(uint8_t colour_type) {
  constexpr std::array<int32_t, 7> kChannels = {1, 1, 3, 1, 2, 1, 4};  // grey, -, RGB, palette, grey + A, -, RGBA
  return colour_type < kChannels.size() ? kChannels[colour_type] : 1;
}

}  // namespace

Result<ImageHeader> read_png_header(std::span<const uint8_t> bytes) {
  if (bytes.size() < kSignatureBytes + kChunkHeadBytes + kIhdrBytes + kChunkCheckBytes) {
    return fail("the PNG image is truncated: it ends after {} bytes, within its header", bytes.size());
  }
  const uint8_t* ihdr = &bytes[kSignatureBytes + kChunkHeadBytes];
  if (std::string_view(reinterpret_cast<const char*>(ihdr) - 4, 4) != "IHDR") {
    return fail("the PNG image is damaged: its first chunk is not IHDR");
  }
  const uint32_t width = big_endian_32(ihdr);
  const uint32_t height = big_endian_32(ihdr + 4);
  constexpr uint32_t kMaxSide = std::numeric_limits<int32_t>::max();
  if (width > kMaxSide || height > kMaxSide) return fail("the PNG image is damaged: {} x {} pixels", width, height);
  ImageHeader header{.format = ImageFormat::kPng,
                     .stored = {.width = static_cast<int32_t>(width), .height = static_cast<int32_t>(height)}};
  // Sides of 2^31 would overflow: image_header.cc refuses them by their number of pixels.
  constexpr int64_t kMaxPlausible = int64_t{1} << 40;
  if (int64_t{header.stored.width} * header.stored.height < kMaxPlausible &&
      !can_hold_rows(bytes.size(), header.stored, ihdr[8] * channels_of(ihdr[9]))) {
    return fail("the PNG image is truncated: {} bytes cannot hold {} x {} pixels", bytes.size(), width, height);
  }
  OrientationTags orientation;
  std::span<const uint8_t> rest = bytes.subspan(kSignatureBytes);
  while (rest.size() >= kChunkHeadBytes + kChunkCheckBytes) {
    const size_t length = big_endian_32(rest.data());
    if (length > rest.size() - kChunkHeadBytes - kChunkCheckBytes) break;  // the decoder reports it
    const std::string_view type(reinterpret_cast<const char*>(&rest[4]), 4);
    const std::span<const uint8_t> chunk = rest.subspan(kChunkHeadBytes, length);
    if (type == "IEND") break;
    if (type == "eXIf") orientation.add_exif(chunk);
    if (type == "iTXt") orientation.add_xmp(xmp_of(chunk));
    rest = rest.subspan(kChunkHeadBytes + length + kChunkCheckBytes);
  }
  header.orientation = orientation.value();
  return header;
}

}  // namespace braid
