// The interface of a vision tower of any kind to the worker: an image's patches in, rows of the text model's hidden
// size out. Each image is encoded alone, so its features do not depend on other images, on the step or on threads.
// Tested by model/vision/vision_tower_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/vision_config.h"
#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_shard.h"
#include "braid/model/weight_list.h"
#include "braid/parallel/row_exchange.h"
#include "braid/request/image_patches.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/rows.h"
#include "braid/weights/load.h"

namespace braid {

// What the text model reads of one image, in the order of its tokens.
struct ImageFeatures {
  RowsBuffer embeddings;  // [tokens, hidden of the text] float32: replace the rows of the image's tokens
  // One for each deepstack block, like `embeddings`: added to the residual of these rows behind the text model's first
  // layers, one for each layer.
  std::vector<RowsBuffer> deepstack;

  int64_t bytes() const;
};

class VisionTower {
 public:
  VisionTower(VisionConfig config, const VisionShard& shard) : config_(std::move(config)), shard_(shard) {}
  virtual ~VisionTower() = default;

  const VisionConfig& config() const { return config_; }
  const VisionShard& shard() const { return shard_; }

  // On the threads of `ops`. The image must have passed check_grid, and has as many pixels as its grid and the tower's
  // patches say. Any number of threads may encode at the same time, each with Ops of its own. `exchange`: with the
  // processes that have the other parts of the tower and encode the same image; null: all parts are here. Throws
  // WorldEnded.
  ImageFeatures encode(Ops& ops, const ImagePatches& image, RowExchange* exchange = nullptr) const;

  // The memory that encode() needs besides the image and its result.
  virtual int64_t encode_bytes(const PatchGrid& grid) const = 0;

  virtual void list_weights(WeightList& list) const = 0;

 private:
  virtual ImageFeatures encode_checked(Ops& ops, const ImagePatches& image, RowExchange* exchange) const = 0;

  VisionConfig config_;
  VisionShard shard_;
};

// The tensors that the tower needs, by the names of vision_tensors.h.
WeightTable vision_tensors(const VisionConfig& config);

// Use it after check_model has passed. `dtype`: of products, kFloat32 or kBFloat16. `shard`: the parts that the process
// has; its ranks share them (LoadedModel::vision).
Result<std::shared_ptr<const VisionTower>> load_vision_tower(const WeightLoader& weights, const VisionConfig& config,
                                                             DType dtype, const VisionShard& shard = {});

}  // namespace braid
