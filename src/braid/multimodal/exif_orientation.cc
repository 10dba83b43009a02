#include "braid/multimodal/exif_orientation.h"

#include <algorithm>
#include <string_view>

#include "braid/multimodal/byte_order.h"

namespace braid {
namespace {

constexpr std::string_view kExifPrefix("Exif\0\0", 6);
constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;  // TIFF's numbers of types
constexpr uint32_t kLong = 4;
constexpr size_t kEntryBytes = 12;

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<int32_t> exif_orientation(std::span<const uint8_t> exif) {
  while (as_text(exif).starts_with(kExifPrefix)) exif = exif.subspan(kExifPrefix.size());
  const std::string_view text = as_text(exif);
  const bool is_little = text.starts_with(std::string_view("II*\0", 4));
  if (!is_little && !text.starts_with(std::string_view("MM\0*", 4))) return std::nullopt;
  const auto number_16 = [&](size_t at) { return is_little ? little_endian_16(&exif[at]) : big_endian_16(&exif[at]); };
  const auto number_32 = [&](size_t at) { return is_little ? little_endian_32(&exif[at]) : big_endian_32(&exif[at]); };
  if (exif.size() < 8) return std::nullopt;
  const size_t directory = number_32(4);
  if (directory > exif.size() - 2) return std::nullopt;
  const size_t room = (exif.size() - directory - 2) / kEntryBytes;
  const size_t num_entries = std::min<size_t>(number_16(directory), room);
  for (size_t i = 0; i < num_entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (number_16(entry) != kOrientationTag) continue;
    const uint32_t type = number_16(entry + 2);
    if (number_32(entry + 4) != 1 || (type != kShort && type != kLong)) return std::nullopt;
    const uint32_t value = type == kShort ? number_16(entry + 8) : number_32(entry + 8);
    return static_cast<int32_t>(std::min<uint32_t>(value, 0xffff));
  }
  return std::nullopt;
}

std::optional<int32_t> xmp_orientation(std::span<const uint8_t> xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  std::string_view text = as_text(xmp);
  while (true) {
    const size_t at = text.find(kName);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + kName.size());
    std::string_view value = text;
    if (value.starts_with("=\"")) {
      value.remove_prefix(2);
    } else if (value.starts_with(">")) {
      value.remove_prefix(1);
    } else {
      continue;
    }
    if (!value.empty() && value[0] >= '0' && value[0] <= '9') return value[0] - '0';
  }
}

void OrientationTags::add_exif(std::span<const uint8_t> exif) {
  if (!exif_) exif_ = exif_orientation(exif);
}

void OrientationTags::add_xmp(std::span<const uint8_t> xmp) {
  if (!xmp_) xmp_ = xmp_orientation(xmp);
}

int32_t OrientationTags::value() const {
  const int32_t value = exif_.value_or(xmp_.value_or(1));
  return value >= 1 && value <= 8 ? value : 1;
}

}  // namespace braid
