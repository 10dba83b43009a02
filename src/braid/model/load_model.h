// A model's weights from a checkpoint, checked against its family's table, split over the ranks of this process and
// packed for the kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/model/family.h"
#include "braid/model/model.h"
#include "braid/parallel/rank_placement.h"
#include "braid/parallel/topology.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/load.h"

namespace braid {

struct LoadedModel {
  std::vector<std::unique_ptr<Model>> ranks;  // rank r of world w: w * tp_size + r; each is for one thread at a time
  int64_t weight_bytes = 0;                   // as packed, all ranks together; what they share counts once
  int64_t huge_page_bytes = 0;                // of it, for which huge pages are asked
};

// The family, if the checkpoint has exactly the tensors that it needs; else the first problem.
Result<const ModelFamily*> check_model(const Checkpoint& checkpoint);

// Patterns of the tensors that every family ignores: rotary inv_freq, a stored tied head, layers beyond
// num_hidden_layers.
std::vector<std::string> ignored_tensors(const Checkpoint& checkpoint);

// Of all experts together.
int64_t num_parameters(const WeightTable& table, const ModelConfig& config);

// The models of all ranks of the layout at once, world by world: a tensor is read once, and what ranks of a NUMA domain
// hold alike (attention of equal heads, the embedding, whole replicas) exists once, in that domain. `num_positions`:
// the longest context that will be used. `places`: of the ranks; none: anywhere. `cache`: of this layout and dtype, or
// null. Errors name the tensor, the architecture, or what the layout does not divide.
Result<LoadedModel> load_model(const Checkpoint& checkpoint, DType dtype, int64_t num_positions,
                               const ParallelLayout& layout, std::span<const RankCpus> places, ThreadTeam& team,
                               const LoadProgress& progress, PackCache* cache = nullptr);

}  // namespace braid
