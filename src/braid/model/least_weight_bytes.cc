#include "braid/model/least_weight_bytes.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "braid/model/family.h"
#include "braid/model/local_shape.h"
#include "braid/model/registry.h"
#include "braid/weights/text_tower.h"

namespace braid {
namespace {

// Of a tensor of which each rank holds a part of both ranges' product: the share that these ranks have together. Equal
// parts exist once.
template <typename Part>
double share(const std::vector<LocalShape>& shapes, const LocalShape& last, const Part& part) {
  const auto [last_outer, last_inner] = part(last);
  const double whole = static_cast<double>(last_outer.end) * static_cast<double>(last_inner.end);
  if (whole <= 0) return 0;
  std::set<std::pair<int64_t, int64_t>> seen;
  double held = 0;
  for (const LocalShape& shape : shapes) {
    const auto [outer, inner] = part(shape);
    if (!seen.emplace(outer.begin, inner.begin).second) continue;
    held += static_cast<double>(outer.end - outer.begin) * static_cast<double>(inner.end - inner.begin);
  }
  return held / whole;
}

double share_of(Shard shard, const std::vector<LocalShape>& shapes, const LocalShape& last) {
  const IndexRange one{.begin = 0, .end = 1};
  const auto of = [&](IndexRange LocalShape::*range) {
    return share(shapes, last, [&](const LocalShape& shape) { return std::pair(shape.*range, one); });
  };
  switch (shard) {
    case Shard::kReplicated:
      return 1;
    case Shard::kHeads:
    case Shard::kHeadRows:
    case Shard::kHeadCols:
      return of(&LocalShape::heads);
    case Shard::kKvHeadRows:
      return of(&LocalShape::kv_heads);
    case Shard::kQkvRows:
      return std::min(of(&LocalShape::heads), of(&LocalShape::kv_heads));
    case Shard::kFfnRows:
    case Shard::kFfnCols:
    case Shard::kGateUpRows:
      return of(&LocalShape::ffn);
    case Shard::kExpertRows:
    case Shard::kExpertCols:
      return share(shapes, last, [](const LocalShape& shape) { return std::pair(shape.experts, shape.expert_ffn); });
    case Shard::kExpertWhole:
      return of(&LocalShape::experts);
    case Shard::kSharedRows:
    case Shard::kSharedCols:
      return of(&LocalShape::shared_ffn);
    case Shard::kVocab:
      return of(&LocalShape::vocab);
  }
  return 0;
}

double bytes_of_element(const WeightSpec& spec, const Checkpoint& checkpoint, DType dtype,
                        const QuantizedWeights& quantized) {
  const StoredTensor* const tensor = checkpoint.find(expert_name(spec.name, 0));
  const auto format = tensor == nullptr ? std::nullopt : kept_format(*tensor, quantized, matrix_use(spec.shard));
  return format ? format->bits / 8.0 : static_cast<double>(dtype_bytes(dtype));
}

}  // namespace

Result<int64_t> least_weight_bytes(const Checkpoint& checkpoint, DType dtype, const QuantizedWeights& quantized,
                                   const ParallelLayout& layout, IndexRange own, const VisionShard& vision_shard) {
  const ModelConfig& config = checkpoint.config();
  const ModelFamily* const family = find_family(config.architecture);
  if (family == nullptr) {
    return fail("architecture \"{}\" is not supported (supported: {})", config.architecture, supported_architectures());
  }
  std::vector<LocalShape> shapes;
  for (int64_t rank = own.begin; rank < own.end; ++rank) {
    shapes.push_back(local_shape(config, place_of(layout, static_cast<int32_t>(rank) % layout.tp_size)));
  }
  const LocalShape last = local_shape(config, place_of(layout, layout.tp_size - 1));
  const double vision_share = static_cast<double>(vision_shard.num_own()) / vision_shard.num_parts;
  double bytes = 0;
  for (const WeightSpec& spec : family->weights(config)) {
    if (spec.shape.size() < 2 && !is_expert(spec.shard)) continue;  // norms and biases: too small to matter
    double elements = is_expert(spec.shard) ? static_cast<double>(config.moe.num_experts) : 1;
    for (const int64_t size : spec.shape) elements *= static_cast<double>(size);
    if (is_vision_tensor(spec.name)) elements *= vision_share;
    bytes += elements * share_of(spec.shard, shapes, last) * bytes_of_element(spec, checkpoint, dtype, quantized);
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace braid
