#include "braid/worker/model_image_maker.h"

#include <span>
#include <utility>

#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/image_processor.h"

namespace braid {

Result<ImagePatches> ModelImageMaker::prepare(const std::string& bytes) {
  const std::span given(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return materialize_image(processor_, given, ImageLimits(), isa_);
}

Result<ImageFeatures> ModelImageMaker::encode(const ImagePatches& patches) {
  TRY_STATUS(check_grid(tower_->config(), patches.grid));
  if (joint_ != nullptr) return joint_->encode(patches);
  if (!compute_) compute_.emplace(isa_, num_threads_);
  return tower_->encode(*compute_->ops, patches);
}

}  // namespace braid
