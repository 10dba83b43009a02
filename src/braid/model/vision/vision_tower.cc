#include "braid/model/vision/vision_tower.h"

#include "braid/base/check.h"
#include "braid/model/vision/towers.h"

namespace braid {

int64_t ImageFeatures::bytes() const {
  int64_t total = embeddings.bytes();
  for (const RowsBuffer& layer : deepstack) total += layer.bytes();
  return total;
}

ImageFeatures VisionTower::encode(Ops& ops, const ImagePatches& image, RowExchange* exchange) const {
  CHECK(shard_.is_whole() == (exchange == nullptr), "{} of {} parts are here", shard_.num_own(), shard_.num_parts);
  CHECK(check_grid(config_, image.grid).ok() && image.patch_size == config_.patch_size);
  CHECK(image.patch_frames >= 1 && image.patch_frames <= config_.temporal_patch_size, "{} frames in a patch of {}",
        image.patch_frames, config_.temporal_patch_size);
  CHECK(std::ssize(image.pixels) == image.patch_frames * image.frame_bytes(), "{} bytes of pixels for {} patches",
        image.pixels.size(), image.grid.count());
  return encode_checked(ops, image, exchange);
}

WeightTable vision_tensors(const VisionConfig& config) {
  switch (config.kind) {
    case VisionKind::kQwen3Vl:
      return qwen3_vl_tensors(config);
    case VisionKind::kQwen25Vl:
      return qwen25_vl_tensors(config);
    case VisionKind::kSiglip:
      return siglip_tensors(config);
  }
  return {};
}

Result<std::shared_ptr<const VisionTower>> load_vision_tower(const WeightLoader& weights, const VisionConfig& config,
                                                             DType dtype, const VisionShard& shard) {
  switch (config.kind) {
    case VisionKind::kQwen3Vl:
      return load_qwen3_vl(weights, config, dtype, shard);
    case VisionKind::kQwen25Vl:
      return load_qwen25_vl(weights, config, dtype, shard);
    case VisionKind::kSiglip:
      return load_siglip(weights, config, dtype, shard);
  }
  CHECK(false, "no such kind of vision tower");
  return std::shared_ptr<const VisionTower>();
}

}  // namespace braid
