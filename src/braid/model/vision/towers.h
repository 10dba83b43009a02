// The towers, one for each VisionKind, each in a file of its own: its tensors and how it is loaded. vision_tower.cc
// picks one.
#pragma once

#include <memory>

#include "braid/model/vision/vision_tower.h"

namespace braid {

WeightTable qwen3_vl_tensors(const VisionConfig& config);
WeightTable qwen25_vl_tensors(const VisionConfig& config);
WeightTable siglip_tensors(const VisionConfig& config);

using LoadedTower = Result<std::shared_ptr<const VisionTower>>;

LoadedTower load_qwen3_vl(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                          const VisionShard& shard);
LoadedTower load_qwen25_vl(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                           const VisionShard& shard);
LoadedTower load_siglip(const WeightLoader& weights, const VisionConfig& config, DType dtype, const VisionShard& shard);

}  // namespace braid
