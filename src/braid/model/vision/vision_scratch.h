// What encoding one image needs besides weights: the memory of its blocks, which patches attend to which, and the
// angles of their rotary embedding. Tested by vision_tower_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/config/vision_config.h"
#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_shard.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Consecutive patches that see each other and no others: the frames of an image, or the windows of a frame. Each has
// one page of keys and values.
class VisionSegments {
 public:
  explicit VisionSegments(std::span<const int32_t> lengths);  // in patches, each at least 1
  VisionSegments(const VisionSegments&) = delete;
  VisionSegments& operator=(const VisionSegments&) = delete;

  std::span<const AttentionSequence> sequences() const { return sequences_; }
  int32_t page_size() const { return page_size_; }
  int64_t page_tokens() const { return int64_t{page_size_} * std::ssize(sequences_); }  // in all pages

 private:
  std::vector<PageId> pages_;
  std::vector<AttentionSequence> sequences_;
  int32_t page_size_ = 0;
};

// Cosines and sines for each patch: [patches, head_dim / 2].
struct VisionAngles {
  RowsBuffer cos;
  RowsBuffer sin;
  std::vector<int32_t> rows;  // 0, 1, 2, …: a patch's row
};

// Memory for images of up to `num_patches`, in which pages hold up to `page_tokens` keys. It is made for one image, and
// freed with it: a large image's is some hundred megabytes.
struct VisionScratch {
  // Rows of a feed-forward block that are computed together (vision_parts.h).
  static constexpr int64_t kStretch = 256;

  VisionScratch(const VisionConfig& config, const VisionShard& shard, DType dtype, int64_t num_patches,
                int64_t page_tokens);

  // The same as the constructor takes, in bytes.
  static int64_t bytes(const VisionConfig& config, const VisionShard& shard, DType dtype, int64_t num_patches,
                       int64_t page_tokens);

  KvLayer kv_layer(int32_t page_size) const;
  // Where this process's part number `part` of a sum of y's shape lies until it is exchanged.
  Rows part_sums(size_t part, Rows y) const;

  RowsBuffer residual;  // [patches, hidden] float32
  RowsBuffer normed;    // [patches, hidden] in the compute dtype; then the own heads' outputs
  RowsBuffer qkv;       // [patches, 3 hidden of the own heads] float32
  Buffer keys;
  Buffer values;
  RowsBuffer stretch_sums;    // [kStretch, widest inner size] float32
  RowsBuffer stretch;         // the same in the compute dtype
  RowsBuffer stretch_parts;   // [kStretch, hidden] float32, if all of several parts are here
  std::vector<Buffer> parts;  // of each own part, if other processes have some
  DType dtype;
  int32_t num_heads;  // own ones
  int32_t head_dim;
};

}  // namespace braid
