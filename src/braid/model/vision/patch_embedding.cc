#include "braid/model/vision/patch_embedding.h"

#include <algorithm>

namespace braid {

VisionLinearTensors patch_embedding_tensors(const VisionConfig& config, std::string name, bool has_bias) {
  return {.names = {std::move(name)},
          .outputs = {config.hidden, "hidden_size"},
          .inputs = {config.patch_values(), config.temporal_patch_size > 1
                                                ? "3 x temporal_patch_size x patch_size x patch_size"
                                                : "3 x patch_size x patch_size"},
          .has_bias = has_bias};
}

Result<PatchEmbedding> PatchEmbedding::load(const WeightLoader& weights, const VisionLinearTensors& tensors,
                                            const VisionConfig& config, DType dtype) {
  TRY(VisionLinear product, VisionLinear::load(weights, tensors, dtype));
  return PatchEmbedding(config, std::move(product));
}

void PatchEmbedding::operator()(const VisionStep& step, const ImagePatches& image, std::span<const int32_t> order,
                                Rows x) const {
  const IndexRange own = step.own_range(x.rows, step.square);
  for (int64_t first = own.begin; first < own.end; first += VisionScratch::kStretch) {
    const int64_t count = std::min(VisionScratch::kStretch, own.end - first);
    const Rows inputs = step.scratch.stretch.first(count).slice_cols(0, product_.inputs());
    step.ops.parallel_for(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t patch = order.empty() ? first + i : order[static_cast<size_t>(first + i)];
        pixels_.write_patch(config_, image, patch, inputs, i);
      }
    });
    product_(step.ops, inputs, x.slice_rows(first, count));
  }
}

}  // namespace braid
