#include "braid/worker/image_carrier.h"

#include <exception>
#include <utility>

namespace braid {

std::vector<std::byte> encode_for(const PlanImages& images, bool opens_memory) {
  PlanImages sent = images;
  for (CarriedImage& image : sent.images) {
    if (opens_memory && image.segment.pid != 0) {
      image.features = {};
    } else {
      image.segment = {};
    }
  }
  return encode(sent);
}

CarriedImage carried(const ImageKey& key, const FeatureBlock& block, bool as_bytes) {
  const bool is_opened = block.can_be_opened() && !as_bytes;
  const SharedSegment::Handle segment = is_opened ? block.handle() : SharedSegment::Handle();
  return {.key = key, .shape = block.shape(), .segment = segment, .features = block.bytes()};
}

Result<FeatureBlock> taken(const CarriedImage& image) {
  if (image.segment.pid != 0) {
    TRY(SharedSegment segment, SharedSegment::open(image.segment));
    return FeatureBlock(image.shape, std::move(segment));
  }
  try {
    return FeatureBlock(image.shape, image.features);
  } catch (const std::exception& exception) {  // memory is short: the image can be made elsewhere
    return Error{exception.what()};
  }
}

}  // namespace braid
