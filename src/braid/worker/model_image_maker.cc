#include "braid/worker/model_image_maker.h"

#include <span>

#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/image_processor.h"

namespace braid {

Result<ImagePatches> ModelImageMaker::prepare(const std::string& bytes) {
  const std::span given(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return materialize_image(processor_, given, ImageLimits(), isa_);
}

Result<ImageFeatures> ModelImageMaker::encode(const ImagePatches& patches) {
  TRY_STATUS(check_grid(tower_->config(), patches.grid));
  if (!compute_) compute_.emplace(isa_, num_threads_);
  return tower_->encode(*compute_->ops, patches);
}

Result<ImageProcessorConfig> load_image_processor_for(const VisionConfig& vision, const std::string& directory) {
  return load_image_processor(directory, {.patch_size = vision.patch_size,
                                          .temporal_patch_size = vision.temporal_patch_size,
                                          .merge_size = vision.merge_size,
                                          .image_size = vision.image_size});
}

}  // namespace braid
