// libFuzzer: any bytes are an error, or an image of the size that the header says, with all its pixels.
#include <cstdint>
#include <span>

#include "braid/base/check.h"
#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/image_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr braid::ImageLimits kLimits = {.max_bytes = 1 << 20, .max_pixels = 1 << 18, .max_side = 4096};
  const std::span<const uint8_t> bytes(data, size);
  const auto shown = braid::image_size(bytes, kLimits);
  const auto image = braid::decode_image(bytes, kLimits);
  if (!image.ok()) return 0;
  CHECK(shown.ok() && *shown == image->size, "two sizes");
  const int64_t num_pixels = int64_t{shown->width} * shown->height;
  CHECK(num_pixels > 0 && num_pixels <= kLimits.max_pixels, "{} pixels", num_pixels);
  CHECK(static_cast<int64_t>(image->pixels.size()) == 3 * num_pixels, "{} bytes", image->pixels.size());
  return 0;
}
