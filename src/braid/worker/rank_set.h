// All ranks of this process. They are loaded together, because equal parts of the model are shared, and connected into
// worlds that step together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/base/step_trace.h"
#include "braid/model/load_model.h"
#include "braid/parallel/thread_world.h"
#include "braid/worker/kv_page_transfer.h"
#include "braid/worker/process_ranks.h"
#include "braid/worker/rank.h"
#include "braid/worker/rank_options.h"
#include "braid/worker/world.h"

namespace braid {

// What the exchange buffers of all ranks take together, sized for the largest step; 0 where each rank is alone in its
// world. The layout is checked.
int64_t exchange_buffer_bytes(const ModelConfig& config, const RankOptions& options, DType dtype,
                              bool shares_memory = true);

class RankSet {
 public:
  // Reads the weights, sizes the KV pools by the memory that was available before, makes the ranks and logs all of it.
  static Result<std::unique_ptr<RankSet>> load(const Checkpoint& checkpoint, RankOptions options, ProcessRanks ranks,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress);
  // The same for all ranks of the options' layout, in this process and over shared memory.
  static Result<std::unique_ptr<RankSet>> load(const Checkpoint& checkpoint, const RankOptions& options,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress);
  ~RankSet();

  const ParallelLayout& layout() const { return own_.layout; }
  const ModelConfig& config() const { return config_; }
  const SchedulerConfig& scheduler_config() const { return scheduler_; }  // of each group
  CpuIsa isa() const { return isa_; }
  DType dtype() const { return dtype_; }  // of weights and activations
  DType kv_dtype() const { return kv_dtype_; }
  int64_t weight_bytes() const { return weight_bytes_; }
  // Of all sequences that are on their way between groups at one time, as memory was set aside for their copies.
  int64_t max_moving_tokens() const { return max_moving_tokens_; }

  Rank& rank(int32_t world, int32_t tp_rank) { return *ranks_[index_of(world, tp_rank)]; }
  Rank& first() { return *ranks_.front(); }
  // Null where a world is one rank.
  const ThreadWorld* world(int32_t index) const { return worlds_[static_cast<size_t>(index)].get(); }

  // From any thread: what the compute threads of a world's ranks have done so far.
  Progress progress(int32_t world) const;

  // Records what all ranks do, world by world, while it is on.
  StepTrace& trace() { return *trace_; }
  std::vector<std::string> rank_names() const;  // "rank 3 (group 1)"; of replicas: "replica 1, rank 0 (group 1)"

  // The ranks of a world, for World (worker/world.h). The set outlives it, as do the masks.
  std::vector<WorldMember> members(int32_t world, TokenMasks* masks);

  // Shared by all worlds.
  LocalKvPageTransfer& page_transfer() { return *page_transfer_; }

  // Runs work(rank) for all ranks at once, each on its own thread bound to its CPUs. Returns the first error.
  Status on_all_ranks(FunctionRef<Status(Rank& rank, int32_t world)> work);

 private:
  RankSet(const ModelConfig& config, const RankOptions& options, ProcessRanks ranks, std::shared_ptr<Logger> logger);
  size_t index_of(int32_t world, int32_t tp_rank) const {
    return static_cast<size_t>(world * layout().tp_size + tp_rank);
  }
  const ThreadWorld* world_of(size_t index) const {
    return worlds_[index / static_cast<size_t>(layout().tp_size)].get();
  }
  // The same with the rank's index, before ranks exist. An error ends the rank's world.
  Status on_threads(std::span<const RankCpus> places, FunctionRef<Status(size_t index)> work);
  Result<void, RankError> make_ranks(const RankOptions& options, const KvShape& kv_shape, LoadedModel& loaded);

  const std::shared_ptr<Logger> logger_;
  const std::unique_ptr<StepTrace> trace_;
  const ProcessRanks own_;
  const ModelConfig config_;
  const CpuIsa isa_;
  const DType dtype_;
  const DType kv_dtype_;
  SchedulerConfig scheduler_;
  int64_t weight_bytes_ = 0;
  int64_t max_moving_tokens_ = 0;
  std::unique_ptr<LocalKvPageTransfer> page_transfer_;  // outlives the ranks, as do
  std::vector<std::unique_ptr<ThreadWorld>> worlds_;    // these
  std::vector<std::unique_ptr<Rank>> ranks_;            // world by world, as are their header exchanges
  std::vector<std::unique_ptr<HeaderExchange>> headers_;
};

}  // namespace braid
