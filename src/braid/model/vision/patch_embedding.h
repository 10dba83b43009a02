// A tower's first product: normalised pixels to the residual. (A convolution whose stride is its kernel's size.) Tested
// by vision_tower_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "braid/model/vision/vision_input.h"
#include "braid/model/vision/vision_parts.h"

namespace braid {

// `name`: of the convolution's kernel [hidden, 3 channels, frames, rows, columns], read as a matrix.
VisionLinearTensors patch_embedding_tensors(const VisionConfig& config, std::string name, bool has_bias);

class PatchEmbedding {
 public:
  static Result<PatchEmbedding> load(const WeightLoader& weights, const VisionLinearTensors& tensors,
                                     const VisionConfig& config, DType dtype);

  // x [patches, hidden] float32: row i, if it is an own one, is the embedding of the image's patch order[i]; empty: of
  // patch i.
  void operator()(const VisionStep& step, const ImagePatches& image, std::span<const int32_t> order, Rows x) const;

  void list_weights(WeightList& list) const { product_.list_weights(list); }

 private:
  PatchEmbedding(VisionConfig config, VisionLinear product)
      : config_(std::move(config)), pixels_(config_.normalisation), product_(std::move(product)) {}

  VisionConfig config_;
  PixelTable pixels_;
  VisionLinear product_;
};

}  // namespace braid
