#include "braid/wire/image_codec.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace braid {

namespace image_format = assignment_map_format;

flat::VectorOffset<flat::Offset<image_format::Image>> encode_images(flat::Builder& builder,
                                                                    const std::vector<RequestImage>& images) {
  std::vector<flat::Offset<image_format::Image>> encoded;
  encoded.reserve(images.size());
  for (const RequestImage& image : images) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(image.bytes->data());
    const auto bytes_at = builder.CreateVector(bytes, image.bytes->size());
    const auto key_at = builder.CreateVector(image.span.key.data(), image.span.key.size());
    const ImageSpan& span = image.span;
    encoded.push_back(image_format::CreateImage(builder, bytes_at, span.first, span.grid.frames, span.grid.rows,
                                                span.grid.cols, key_at));
  }
  return flat::add_list(builder, encoded);
}

Result<std::vector<RequestImage>> decode_images(const FlatImages* from) {
  TRY_STATUS(flat::check_count(from, "images", kMaxRequestImages));
  std::vector<RequestImage> images;
  if (from == nullptr) return images;
  for (const image_format::Image* image : *from) {
    RequestImage& decoded = images.emplace_back();
    if (image->bytes() == nullptr || image->key() == nullptr || image->key()->size() != decoded.span.key.size()) {
      return fail("image {} has no bytes, or no key of {}", images.size() - 1, decoded.span.key.size());
    }
    decoded.bytes = std::make_shared<const std::string>(reinterpret_cast<const char*>(image->bytes()->data()),
                                                        image->bytes()->size());
    decoded.span = {.first = image->first(),
                    .grid = {.frames = image->frames(), .rows = image->rows(), .cols = image->cols()}};
    std::copy_n(image->key()->data(), decoded.span.key.size(), decoded.span.key.begin());
  }
  return images;
}

}  // namespace braid
