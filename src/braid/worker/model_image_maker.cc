#include "braid/worker/model_image_maker.h"

#include <filesystem>
#include <span>
#include <system_error>
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
  if (!compute_) compute_.emplace(isa_, num_threads_);
  return tower_->encode(*compute_->ops, patches);
}

Result<std::optional<ImageProcessorConfig>> load_image_processor_for(const VisionConfig& vision,
                                                                     const std::string& directory) {
  const auto has = [&](const char* name) {
    std::error_code error;
    return std::filesystem::exists(directory + "/" + name, error);
  };
  if (!has("preprocessor_config.json") && !has("processor_config.json")) return std::optional<ImageProcessorConfig>();
  TRY(ImageProcessorConfig config, load_image_processor(directory, {.patch_size = vision.patch_size,
                                                                    .temporal_patch_size = vision.temporal_patch_size,
                                                                    .merge_size = vision.merge_size,
                                                                    .image_size = vision.image_size}));
  return std::optional(std::move(config));
}

}  // namespace braid
