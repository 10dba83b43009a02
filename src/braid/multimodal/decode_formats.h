// The decoders of single formats, for decode_image.cc. Each fills `image`, whose size is that of the header and whose
// pixels are there already; a file that turns out to have another size is an error. Tested by decode_image_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/multimodal/rgb_image.h"

namespace braid {

Status decode_jpeg(std::span<const uint8_t> bytes, RgbImage& image);
Status decode_png(std::span<const uint8_t> bytes, RgbImage& image);
Status decode_webp(std::span<const uint8_t> bytes, RgbImage& image);

}  // namespace braid
