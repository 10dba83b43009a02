// Loads a model's weights from a checkpoint: checks them against its family's table, splits them over the ranks of this
// process and packs them for the kernels. Tested by load_model_test.cc and sharded_model_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/model/family.h"
#include "braid/model/model.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/parallel/rank_placement.h"
#include "braid/parallel/topology.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/load.h"
#include "braid/weights/weight_pages.h"
#include "braid/weights/weight_use.h"

namespace braid {

struct LoadedModel {
  std::vector<std::unique_ptr<Model>> ranks;  // in order; each serves one thread at a time
  std::shared_ptr<const VisionTower> vision;  // shared by these ranks; null: the checkpoint has none
  int64_t weight_bytes = 0;                   // packed size over these ranks; shared weights count once
  WeightUses weight_uses;
  int64_t huge_page_bytes = 0;       // the part for which huge pages are requested
  std::vector<WeightMemory> memory;  // of all weights of these ranks; what ranks share is there once
};

// The family, if the checkpoint has exactly the tensors that it needs; else an error with the first problem.
Result<const ModelFamily*> check_model(const Checkpoint& checkpoint);

// Patterns of the tensors that every family ignores: rotary inv_freq, a head that is stored although tied, layers
// beyond num_hidden_layers, SigLIP's pooling head.
std::vector<std::string> ignored_tensors(const Checkpoint& checkpoint);

// Counts all experts.
int64_t num_parameters(const WeightTable& table, const ModelConfig& config);

// Loads the models of these ranks of the layout at once, of all worlds. Each tensor is read once. What ranks of a NUMA
// domain have in common (attention of equal heads, the embedding, whole replicas) exists once, in that domain.
// `num_positions`: the longest context that will be used. `places`: of these ranks; empty: anywhere. `cache`: for these
// ranks and this dtype, or null. `quantized`: how quantized matrices are kept. `vision_shard`: the parts of a vision
// tower that these ranks share. `kept`: memory for the weights that outlives the process, or null. Errors name the
// tensor, the architecture, or the size that the layout does not divide.
Result<LoadedModel> load_model(const Checkpoint& checkpoint, DType dtype, int64_t num_positions,
                               const ParallelLayout& layout, IndexRange own, std::span<const RankCpus> places,
                               ThreadTeam& team, const LoadProgress& progress, PackCache* cache = nullptr,
                               const QuantizedWeights& quantized = {}, const VisionShard& vision_shard = {},
                               KeptWeights* kept = nullptr);

}  // namespace braid
