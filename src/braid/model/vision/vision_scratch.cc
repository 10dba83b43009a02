#include "braid/model/vision/vision_scratch.h"

#include <algorithm>
#include <numeric>

namespace braid {
namespace {

// Of a feed-forward block, of a merger, and of the patches.
int64_t widest_inner_size(const VisionConfig& config) {
  const int64_t merged = int64_t{config.hidden} * config.merge_size * config.merge_size;
  return std::max<int64_t>({config.ffn, merged, config.patch_values()});
}

}  // namespace

VisionSegments::VisionSegments(std::span<const int32_t> lengths) {
  pages_.resize(lengths.size());
  std::iota(pages_.begin(), pages_.end(), 0);
  constexpr int32_t kUnit = KvLayer::kKeyVectorTokens;
  int64_t first_row = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    CHECK(lengths[i] >= 1);
    sequences_.push_back({.first_row = first_row,
                          .num_new = lengths[i],
                          .first_position = 0,
                          .pages = std::span(pages_).subspan(i, 1),
                          .is_bidirectional = true});
    first_row += lengths[i];
    page_size_ = std::max(page_size_, (lengths[i] + kUnit - 1) / kUnit * kUnit);
  }
}

VisionScratch::VisionScratch(const VisionConfig& config, DType compute_dtype, int64_t num_patches, int64_t page_tokens)
    : residual(DType::kFloat32, num_patches, config.hidden),
      normed(compute_dtype, num_patches, config.hidden),
      qkv(DType::kFloat32, num_patches, int64_t{3} * config.hidden),
      keys(page_tokens * config.hidden * dtype_bytes(compute_dtype)),
      values(page_tokens * config.hidden * dtype_bytes(compute_dtype)),
      stretch_sums(DType::kFloat32, kStretch, widest_inner_size(config)),
      stretch(compute_dtype, kStretch, widest_inner_size(config)),
      dtype(compute_dtype),
      num_heads(config.num_heads),
      head_dim(config.head_dim()) {}

int64_t VisionScratch::bytes(const VisionConfig& config, DType dtype, int64_t num_patches, int64_t page_tokens) {
  const int64_t float_bytes = dtype_bytes(DType::kFloat32);
  const int64_t of_a_patch = config.hidden * (4 * float_bytes + dtype_bytes(dtype)) + config.head_dim() * float_bytes;
  return num_patches * of_a_patch + 2 * page_tokens * config.hidden * dtype_bytes(dtype) +
         kStretch * widest_inner_size(config) * (float_bytes + dtype_bytes(dtype));
}

KvLayer VisionScratch::kv_layer(int32_t page_size) const {
  return {.keys = keys.data(),
          .values = values.data(),
          .dtype = dtype,
          .num_kv_heads = num_heads,
          .head_dim = head_dim,
          .page_size = page_size};
}

}  // namespace braid
