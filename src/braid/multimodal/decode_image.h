// An image's bytes to pixels: JPEG by libjpeg-turbo, PNG by libpng, WebP by libwebp. The pixels are those that Pillow's
// exif_transpose and convert("RGB") give, which is how transformers loads an image: transparency is dropped, CMYK is
// taken for inverted, of 16 bits the upper eight count, colour profiles are ignored, an animation is its first frame.
// The one exception: 16-bit grey, which Pillow cuts off at 255, is treated like other 16-bit images. Tested by
// decode_image_test.cc and decode_image_fuzz.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/rgb_image.h"

namespace braid {

Result<RgbImage> decode_image(std::span<const uint8_t> bytes, const ImageLimits& limits);

}  // namespace braid
