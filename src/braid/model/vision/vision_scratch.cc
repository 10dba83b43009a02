#include "braid/model/vision/vision_scratch.h"

#include <algorithm>
#include <numeric>

namespace braid {
namespace {

// Of a feed-forward block, of a merger, and of the patches.
int64_t widest_inner_size(const VisionConfig& config, const VisionShard& shard) {
  const int64_t merged = int64_t{config.hidden} * config.merge_size * config.merge_size;
  return std::max<int64_t>({shard.own_size(config.ffn), shard.own_size(merged), config.patch_values()});
}

// Of the residual, or of a merger's outputs.
int64_t part_bytes(const VisionConfig& config, int64_t num_patches) {
  const int64_t square = int64_t{config.merge_size} * config.merge_size;
  return std::max(num_patches * config.hidden, num_patches / square * config.out_hidden) * dtype_bytes(DType::kFloat32);
}

int64_t stretch_parts_rows(const VisionShard& shard) {
  return shard.is_whole() && shard.num_parts > 1 ? VisionScratch::kStretch : 0;
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

VisionScratch::VisionScratch(const VisionConfig& config, const VisionShard& shard, DType compute_dtype,
                             int64_t num_patches, int64_t page_tokens)
    : residual(DType::kFloat32, num_patches, config.hidden),
      normed(compute_dtype, num_patches, config.hidden),
      qkv(DType::kFloat32, num_patches, 3 * shard.own_size(config.hidden)),
      keys(page_tokens * shard.own_size(config.hidden) * dtype_bytes(compute_dtype)),
      values(page_tokens * shard.own_size(config.hidden) * dtype_bytes(compute_dtype)),
      stretch_sums(DType::kFloat32, kStretch, widest_inner_size(config, shard)),
      stretch(compute_dtype, kStretch, widest_inner_size(config, shard)),
      stretch_parts(DType::kFloat32, stretch_parts_rows(shard), config.hidden),
      dtype(compute_dtype),
      num_heads(static_cast<int32_t>(shard.own_size(config.num_heads))),
      head_dim(config.head_dim()) {
  if (shard.is_whole()) return;
  for (int32_t part = 0; part < shard.num_own(); ++part) parts.emplace_back(part_bytes(config, num_patches));
}

int64_t VisionScratch::bytes(const VisionConfig& config, const VisionShard& shard, DType dtype, int64_t num_patches,
                             int64_t page_tokens) {
  const int64_t float_bytes = dtype_bytes(DType::kFloat32);
  const int64_t own_hidden = shard.own_size(config.hidden);
  const int64_t of_a_patch = config.hidden * (float_bytes + dtype_bytes(dtype)) + 3 * own_hidden * float_bytes +
                             config.head_dim() * float_bytes;
  const int64_t of_parts = shard.is_whole() ? 0 : shard.num_own() * part_bytes(config, num_patches);
  return num_patches * of_a_patch + 2 * page_tokens * own_hidden * dtype_bytes(dtype) + of_parts +
         kStretch * widest_inner_size(config, shard) * (float_bytes + dtype_bytes(dtype)) +
         stretch_parts_rows(shard) * config.hidden * float_bytes;
}

Rows VisionScratch::part_sums(size_t part, Rows y) const {
  return {.data = parts[part].data(), .dtype = DType::kFloat32, .rows = y.rows, .cols = y.cols, .stride = y.cols};
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
