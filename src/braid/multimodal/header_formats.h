// The headers of single formats, for image_header.cc. Each takes a whole file that begins with the format's signature,
// and believes no length in it. Tested by image_header_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/multimodal/image_header.h"

namespace braid {

Result<ImageHeader> read_jpeg_header(std::span<const uint8_t> bytes);
Result<ImageHeader> read_png_header(std::span<const uint8_t> bytes);
Result<ImageHeader> read_webp_header(std::span<const uint8_t> bytes);

}  // namespace braid
