#include "braid/worker/model_image_maker.h"

#include <utility>

#include "braid/base/thread_role.h"
#include "braid/kernels/make_ops.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/image_processor.h"
#include "braid/multimodal/video_frames.h"
#include "braid/request/frame_group.h"

namespace braid {
namespace {

// The vision tower on a team of threads.
class TowerEncoder final : public ImageEncoder {
 public:
  TowerEncoder(std::shared_ptr<const VisionTower> tower, CpuIsa isa, int32_t num_threads)
      : tower_(std::move(tower)), team_(num_threads, ThreadRole::kImages), ops_(make_cpu_ops(isa, team_)) {}

  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    TRY_STATUS(check_grid(tower_->config(), patches.grid));
    return tower_->encode(*ops_, patches);
  }

 private:
  const std::shared_ptr<const VisionTower> tower_;
  ThreadTeam team_;
  const std::unique_ptr<Ops> ops_;
};

// A tower whose parts are in several processes.
class JointEncoder final : public ImageEncoder {
 public:
  JointEncoder(const VisionTower& tower, JointTower& joint) : tower_(tower), joint_(joint) {}

  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    TRY_STATUS(check_grid(tower_.config(), patches.grid));
    return joint_.encode(patches);
  }

 private:
  const VisionTower& tower_;
  JointTower& joint_;
};

}  // namespace

Result<ImagePatches> ModelImageMaker::prepare(const std::string& bytes) {
  TRY(const auto frames, unpack_frames(bytes));
  if (frames) return materialize_frames(processor_, *frames, ImageLimits(), isa_);
  return materialize_image(processor_, bytes_of_image(bytes), ImageLimits(), isa_);
}

std::unique_ptr<ImageEncoder> ModelImageMaker::make_encoder() {
  if (joint_ != nullptr) return std::make_unique<JointEncoder>(*tower_, *joint_);
  return std::make_unique<TowerEncoder>(tower_, isa_, num_threads_);
}

}  // namespace braid
