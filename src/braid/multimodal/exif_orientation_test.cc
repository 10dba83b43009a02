#include "braid/multimodal/exif_orientation.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace braid {
namespace {

using namespace std::literals;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A directory with one entry.
std::string little_exif(std::string_view tag, std::string_view type, std::string_view count, std::string_view value) {
  return "II*\0\x08\0\0\0\x01\0"s.append(tag).append(type).append(count).append(value).append(4, '\0');
}

TEST(ExifOrientation, IsFoundInBothByteOrdersAndTypes) {
  EXPECT_EQ(exif_orientation(bytes_of(little_exif("\x12\x01"sv, "\3\0"sv, "\1\0\0\0"sv, "\6\0\0\0"sv))), 6);
  EXPECT_EQ(exif_orientation(bytes_of(little_exif("\x12\x01"sv, "\4\0"sv, "\1\0\0\0"sv, "\5\0\0\0"sv))), 5);
  EXPECT_EQ(exif_orientation(bytes_of("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\3\0\0\0\1\0\x08\0\0\0\0\0\0"sv)), 8);
}

TEST(ExifOrientation, IsNothingIfItIsNotThereOrDamaged) {
  EXPECT_EQ(exif_orientation({}), std::nullopt);
  EXPECT_EQ(exif_orientation(bytes_of("Exif\0\0"sv)), std::nullopt);
  EXPECT_EQ(exif_orientation(bytes_of("II*\0\xff\xff\xff\xff"sv)), std::nullopt);
  EXPECT_EQ(exif_orientation(bytes_of(little_exif("\x13\x01"sv, "\3\0"sv, "\1\0\0\0"sv, "\6\0\0\0"sv))), std::nullopt);
  EXPECT_EQ(exif_orientation(bytes_of(little_exif("\x12\x01"sv, "\2\0"sv, "\1\0\0\0"sv, "\6\0\0\0"sv))), std::nullopt);
  EXPECT_EQ(exif_orientation(bytes_of(little_exif("\x12\x01"sv, "\3\0"sv, "\2\0\0\0"sv, "\6\0\0\0"sv))), std::nullopt);
  const std::string whole = little_exif("\x12\x01"sv, "\3\0"sv, "\1\0\0\0"sv, "\6\0\0\0"sv);
  for (size_t size = 0; size < 22; ++size) {
    EXPECT_EQ(exif_orientation(bytes_of(std::string_view(whole).substr(0, size))), std::nullopt) << size;
  }
}

TEST(ExifOrientation, XmpSpellsItAsAttributeOrElement) {
  EXPECT_EQ(xmp_orientation(bytes_of("<a tiff:Orientation=\"6\"/>")), 6);
  EXPECT_EQ(xmp_orientation(bytes_of("<tiff:Orientation>3</tiff:Orientation>")), 3);
  EXPECT_EQ(xmp_orientation(bytes_of("tiff:Orientation tiff:Orientation='2' tiff:Orientation=\"4\"")), 4);
  EXPECT_EQ(xmp_orientation(bytes_of("tiff:Orientation=\"x\"")), std::nullopt);
  EXPECT_EQ(xmp_orientation(bytes_of("tiff:Orientation=\"")), std::nullopt);
}

TEST(ExifOrientation, ExifGoesBeforeXmpAndUnknownValuesAreUpright) {
  OrientationTags tags;
  EXPECT_EQ(tags.value(), 1);
  tags.add_xmp(bytes_of("tiff:Orientation=\"6\""));
  EXPECT_EQ(tags.value(), 6);
  tags.add_exif(bytes_of(little_exif("\x12\x01"sv, "\3\0"sv, "\1\0\0\0"sv, "\3\0\0\0"sv)));
  EXPECT_EQ(tags.value(), 3);
  OrientationTags unknown;
  unknown.add_exif(bytes_of(little_exif("\x12\x01"sv, "\3\0"sv, "\1\0\0\0"sv, "\x09\0\0\0"sv)));
  EXPECT_EQ(unknown.value(), 1);
}

}  // namespace
}  // namespace braid
