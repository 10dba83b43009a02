#include "braid/wire/image_codec.h"

#include <cstdint>
#include <memory>
#include <string>

#include "braid/wire/image_span_codec.h"

namespace braid {

namespace image_format = assignment_map_format;

flat::VectorOffset<flat::Offset<image_format::Image>> encode_images(flat::Builder& builder,
                                                                    const std::vector<RequestImage>& images) {
  std::vector<flat::Offset<image_format::Image>> encoded;
  encoded.reserve(images.size());
  for (const RequestImage& image : images) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(image.bytes->data());
    const auto bytes_at = builder.CreateVector(bytes, image.bytes->size());
    const step_plan_format::ImageSpan span = encode_span(image.span);
    encoded.push_back(image_format::CreateImage(builder, bytes_at, &span));
  }
  return flat::add_list(builder, encoded);
}

Result<std::vector<RequestImage>> decode_images(const FlatImages* from) {
  TRY_STATUS(flat::check_count(from, "images", kMaxRequestImages));
  std::vector<RequestImage> images;
  if (from == nullptr) return images;
  for (const image_format::Image* image : *from) {
    if (image->bytes() == nullptr || image->span() == nullptr) {
      return fail("image {} has no bytes, or no place", images.size());
    }
    const auto* const bytes = reinterpret_cast<const char*>(image->bytes()->data());
    images.push_back({.bytes = std::make_shared<const std::string>(bytes, image->bytes()->size()),
                      .span = decode_span(*image->span())});
  }
  return images;
}

}  // namespace braid
