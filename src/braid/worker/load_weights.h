// The weights of a process's ranks: from the memory of the last start, from --pack-cache, or from the checkpoint.
// Tested by rank_processes_test.cc and kept_ranks_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "braid/base/kept_memory.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/model/load_model.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/kept_weights.h"
#include "braid/worker/process_ranks.h"
#include "braid/worker/rank_options.h"
#include "braid/worker/weight_check.h"

namespace braid {

struct LoadedWeights {
  std::unique_ptr<KeptWeights> kept;  // outlives the model; null: the weights end with this process
  LoadedModel model;
  std::unique_ptr<WeightCheck> check;  // has model.memory
};

// How the weights are held, beside what `options` and `ranks` say.
struct WeightForm {
  DType dtype = DType::kBFloat16;
  QuantizedWeights quantized;
  VisionShard vision_shard;
  int64_t num_positions = 0;  // as load_model's
};

// The memory in which these ranks' processes leave their weights to the next ones. Absent: they leave none; where it
// cannot be had, the log says why. What other processes have left in memory of these ranks is cleared.
std::optional<KeptMemory> open_kept_weights(const KeptMemoryOptions& options, const ProcessRanks& ranks, Logger& log);

// `memory`: as open_kept_weights() returns it.
Result<LoadedWeights> load_weights(const Checkpoint& checkpoint, const RankOptions& options, const ProcessRanks& ranks,
                                   const WeightForm& form, std::optional<KeptMemory> memory,
                                   const std::shared_ptr<Logger>& logger, const LoadProgress& progress);

}  // namespace braid
