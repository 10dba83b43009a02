// Makes images for a model: with its image processor and its vision tower. Tested by api/engine_images_test.cc.
#pragma once

#include <memory>
#include <string>

#include "braid/config/image_processor_config.h"
#include "braid/kernels/isa.h"
#include "braid/worker/image_store.h"
#include "braid/worker/joint_tower.h"

namespace braid {

class ModelImageMaker final : public ImageMaker {
 public:
  // `num_threads`: that encode an image. `joint`: what encodes them if other processes have parts of the tower; it
  // outlives the maker. Else null.
  ModelImageMaker(std::shared_ptr<const VisionTower> tower, ImageProcessorConfig processor, CpuIsa isa,
                  int32_t num_threads, JointTower* joint = nullptr)
      : tower_(std::move(tower)),
        processor_(std::move(processor)),
        isa_(isa),
        num_threads_(num_threads),
        joint_(joint) {}

  Result<ImagePatches> prepare(const std::string& bytes) override;
  std::unique_ptr<ImageEncoder> make_encoder() override;

 private:
  const std::shared_ptr<const VisionTower> tower_;
  const ImageProcessorConfig processor_;
  const CpuIsa isa_;
  const int32_t num_threads_;
  JointTower* const joint_;
};

}  // namespace braid
