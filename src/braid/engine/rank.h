// One rank: its share of the model's weights, its KV cache, its compute threads, and the runner over them.
#pragma once

#include <memory>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/engine/model_runner.h"
#include "braid/engine/rank_options.h"
#include "braid/model/load_model.h"
#include "braid/scheduler/scheduler.h"

namespace braid {

class Rank {
 public:
  // Reads the weights, sizes the KV pool by the memory that was available before, and says both in the log.
  static Result<std::unique_ptr<Rank>> load(const Checkpoint& checkpoint, const RankOptions& options, Logger& logger,
                                            const LoadProgress& progress);
  ~Rank();

  ModelRunner& runner();
  const SchedulerConfig& scheduler_config() const;
  const ModelConfig& config() const;
  Ops& ops();
  ThreadTeam& team();
  int64_t weight_bytes() const;
  CpuIsa isa() const;
  DType dtype() const;  // of weights and activations
  DType kv_dtype() const;

 private:
  struct Parts;
  explicit Rank(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace braid
