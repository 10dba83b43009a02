// How a camera was held: the orientation in an image's EXIF or XMP metadata, as Pillow's exif_transpose finds it.
// Tested by exif_orientation_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace braid {

// The value of tag 0x0112 in the first directory of a TIFF structure, which "Exif\0\0" may precede. Nothing if it is
// not there or the structure is damaged: metadata are no reason to refuse an image.
std::optional<int32_t> exif_orientation(std::span<const uint8_t> exif);

// The digit of tiff:Orientation in an XMP packet.
std::optional<int32_t> xmp_orientation(std::span<const uint8_t> xmp);

// Collects what an image's metadata say: EXIF goes before XMP, the first of each counts, and a value that has no
// meaning is upright.
class OrientationTags {
 public:
  void add_exif(std::span<const uint8_t> exif);
  void add_xmp(std::span<const uint8_t> xmp);
  int32_t value() const;  // 1 to 8

 private:
  std::optional<int32_t> exif_;
  std::optional<int32_t> xmp_;
};

}  // namespace braid
