// A decoded image. Plain data. Tested by decode_image_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace braid {

struct ImageSize {
  int32_t width = 0;
  int32_t height = 0;

  bool operator==(const ImageSize&) const = default;
};

struct RgbImage {
  ImageSize size;
  std::vector<uint8_t> pixels;  // [height][width][red, green, blue]
};

}  // namespace braid
