// A model's weights from a checkpoint, checked against its family's table and packed for the kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/model/family.h"
#include "braid/model/model.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/load.h"

namespace braid {

struct LoadedModel {
  std::unique_ptr<Model> model;
  int64_t weight_bytes = 0;  // packed, in the compute dtype
};

// The family, if the checkpoint has exactly the tensors that it needs; else the first problem.
Result<const ModelFamily*> check_model(const Checkpoint& checkpoint);

// Patterns of the tensors that every family ignores: rotary inv_freq, a stored tied head, layers beyond
// num_hidden_layers.
std::vector<std::string> ignored_tensors(const Checkpoint& checkpoint);

// Of all experts together.
int64_t num_parameters(const WeightTable& table, const ModelConfig& config);

// `num_positions`: the longest context that will be used. Errors name the tensor or the architecture.
Result<LoadedModel> load_model(const Checkpoint& checkpoint, DType dtype, int64_t num_positions, ThreadTeam& team,
                               const LoadProgress& progress);

}  // namespace braid
