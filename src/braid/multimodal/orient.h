// Turns an image upright. Tested by decode_image_test.cc.
#pragma once

#include <cstdint>

#include "braid/multimodal/rgb_image.h"

namespace braid {

// `orientation` is EXIF's number, 1 to 8. 1 returns the image as it is.
RgbImage apply_orientation(RgbImage image, int32_t orientation);

}  // namespace braid
