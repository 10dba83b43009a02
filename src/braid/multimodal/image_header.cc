#include "braid/multimodal/image_header.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "braid/multimodal/header_formats.h"

namespace braid {
namespace {

using namespace std::literals;

struct Signature {
  std::string_view start;
  std::string_view name;
};

// What is sent instead of an image that can be read.
constexpr std::array kOtherTypes = {
    Signature{"GIF8"sv, "a GIF image"},
    Signature{"BM"sv, "a BMP image"},
    Signature{"II*\0"sv, "a TIFF image"},
    Signature{"MM\0*"sv, "a TIFF image"},
    Signature{"%PDF"sv, "a PDF document"},
    Signature{"\xff\x0a"sv, "a JPEG XL image"},
    Signature{"8BPS"sv, "a PSD image"},
    Signature{"\0\0\1\0"sv, "an icon"},
    Signature{"PK\3\4"sv, "a ZIP archive"},
    Signature{"\x1f\x8b"sv, "compressed by gzip"},
    Signature{"RIFF"sv, "a RIFF file, but no WebP image"},
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

Error unknown_type(std::string_view text) {
  constexpr const char* kAllowed = "images must be JPEG, PNG or WebP";
  constexpr size_t kShown = 8;
  if (text.empty()) return fail("the image is empty (0 bytes)");
  for (const Signature& type : kOtherTypes) {
    if (text.starts_with(type.start)) return fail("the image is {}: {}", type.name, kAllowed);
  }
  if (text.size() >= 12 && text.substr(4, 4) == "ftyp") {
    return fail("the image is an AVIF, HEIF or MP4 file: {}", kAllowed);
  }
  const std::string head = lower_case(text.substr(0, 512));
  const size_t first = head.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  const std::string_view markup =
      first == std::string::npos ? std::string_view() : std::string_view(head).substr(first);
  if (markup.starts_with("<")) {
    const char* name = head.find("<svg") != std::string::npos ? "an SVG image" : "an HTML or XML document";
    return fail("the image is {}: {}", name, kAllowed);
  }
  std::string bytes;
  for (const char c : text.substr(0, kShown)) bytes += fmt::format(" {:02x}", static_cast<unsigned char>(c));
  return fail("the image begins with the bytes{}: {}", bytes, kAllowed);
}

Status check_size(ImageSize size, const ImageLimits& limits) {
  const int64_t pixels = int64_t{size.width} * size.height;
  if (pixels == 0) return fail("the image has {} x {} pixels, must have at least 1 x 1", size.width, size.height);
  if (std::max(size.width, size.height) > limits.max_side) {
    return fail("the image has {} x {} pixels, the limit is {} on each side", size.width, size.height, limits.max_side);
  }
  if (pixels > limits.max_pixels) {
    return fail("the image has {} x {} = {} pixels, the limit is {}", size.width, size.height, pixels,
                limits.max_pixels);
  }
  return {};
}

}  // namespace

std::string_view image_format_name(ImageFormat format) {
  constexpr std::array<std::string_view, 3> kNames = {"JPEG", "PNG", "WebP"};
  return kNames[static_cast<size_t>(format)];
}

ImageSize ImageHeader::shown() const {
  return orientation >= 5 ? ImageSize{.width = stored.height, .height = stored.width} : stored;
}

Result<ImageHeader> read_image_header(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("the image has {} bytes, the limit is {}", bytes.size(), limits.max_bytes);
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto read = [&]() -> Result<ImageHeader> {
    if (text.starts_with("\xff\xd8\xff"sv)) return read_jpeg_header(bytes);
    if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return read_png_header(bytes);
    if (text.starts_with("RIFF"sv) && text.size() >= 12 && text.substr(8, 4) == "WEBP") return read_webp_header(bytes);
    return unknown_type(text);
  };
  TRY(const ImageHeader header, read());
  TRY_STATUS(check_size(header.stored, limits));
  return header;
}

Result<ImageSize> image_size(std::span<const uint8_t> bytes, const ImageLimits& limits) {
  TRY(const ImageHeader header, read_image_header(bytes, limits));
  return header.shown();
}

}  // namespace braid
