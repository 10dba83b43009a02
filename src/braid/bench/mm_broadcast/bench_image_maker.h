// Makes images without a vision tower: either for real up to the patches, or by spending CPU time. Tested by
// image_group_test.cc.
#pragma once

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/kernels/isa.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/image_processor.h"
#include "braid/worker/image_store.h"

namespace braid::mm_broadcast {

inline double thread_cpu_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class BenchImageMaker final : public ImageMaker {
 public:
  // `make_s`: of CPU time; 0: for real. `hidden`: of the features.
  BenchImageMaker(double make_s, int32_t hidden) : make_s_(make_s), hidden_(hidden) {}

  // As Qwen3-VL has it.
  static ImageProcessorConfig processor() {
    return {.kind = ImageProcessorKind::kQwen2Vl,
            .shape = {.patch_size = 16, .temporal_patch_size = 2, .merge_size = 2},
            .min_pixels = int64_t{256} * 256,
            .max_pixels = int64_t{4096} * 4096};
  }

  int64_t num_made() const { return num_made_; }

  Result<ImagePatches> prepare(const std::string& bytes) override {
    ++num_made_;
    if (make_s_ <= 0) {
      return materialize_image(processor(), bytes_of_image(bytes), ImageLimits(), available_isas().back());
    }
    const double end_s = thread_cpu_seconds() + make_s_;
    while (thread_cpu_seconds() < end_s) {
    }
    return ImagePatches{.grid = {.rows = 44, .cols = 70}, .pixels = std::vector<uint8_t>(1)};
  }

  std::unique_ptr<ImageEncoder> make_encoder() override { return std::make_unique<Encoder>(hidden_); }

 private:
  // The tower is the same work for every strategy, so it is left out: features are a copy of pixels.
  class Encoder final : public ImageEncoder {
   public:
    explicit Encoder(int32_t hidden) : hidden_(hidden) {}

    Result<ImageFeatures> encode(const ImagePatches& patches) override {
      const int64_t tokens = patches.grid.count() / 4;
      ImageFeatures features{.embeddings = RowsBuffer(DType::kFloat32, tokens, hidden_)};
      for (int64_t token = 0; token < tokens; ++token) {
        float* const row = features.embeddings.first(tokens).row<float>(token);
        const uint8_t pixel = patches.pixels[static_cast<size_t>(token) % patches.pixels.size()];
        std::fill_n(row, hidden_, static_cast<float>(pixel));
      }
      return features;
    }

   private:
    const int32_t hidden_;
  };

  const double make_s_;
  const int32_t hidden_;
  std::atomic<int64_t> num_made_ = 0;
};

}  // namespace braid::mm_broadcast
