// All ranks of this process. They are loaded together, because equal parts of the model are shared, and connected into
// worlds that step together: of all their ranks, or with the ranks of other processes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/base/step_trace.h"
#include "braid/kv/pool_size.h"
#include "braid/model/load_model.h"
#include "braid/parallel/thread_world.h"
#include "braid/weights/kept_weights.h"
#include "braid/worker/image_desk.h"
#include "braid/worker/image_store.h"
#include "braid/worker/joint_tower.h"
#include "braid/worker/kept_memories.h"
#include "braid/worker/kv_page_transfer.h"
#include "braid/worker/process_kv_page_transfer.h"
#include "braid/worker/process_ranks.h"
#include "braid/worker/rank.h"
#include "braid/worker/rank_options.h"
#include "braid/worker/tower_share.h"
#include "braid/worker/weight_check.h"
#include "braid/worker/world.h"

namespace braid {

// What the exchange buffers of all ranks of the layout take together, sized for the largest step; 0 where each rank is
// alone in its world. The layout is checked.
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
  KvDType kv_dtype() const { return kv_dtype_; }
  int64_t weight_bytes() const { return weight_bytes_; }
  IndexRange own_ranks() const { return own_.own; }  // of all worlds
  // Of all sequences that are on their way between groups at one time, as memory was set aside for their copies.
  int64_t max_moving_tokens() const { return max_moving_tokens_; }

  // After the last step of all ranks: parts from the other processes of their world.
  Status leave_worlds();

  // Makes the ranks of a world anew, with the weights that it had: their KV caches are empty. None of the world's
  // threads may run. After an error the world has no ranks; it can be tried again.
  Status restart_world(int32_t world);

  // One of the own ranks, as below.
  Rank& rank(int32_t world, int32_t tp_rank) { return *ranks_[index_of(world, tp_rank)]; }
  Rank& first() { return *ranks_.front(); }
  // Null where a world is one rank.
  const ThreadWorld* world(int32_t index) const { return worlds_[static_cast<size_t>(index)].get(); }

  // From any thread: what the compute threads of a world's ranks have done so far.
  Progress progress(int32_t world) const;

  // The own ranks of a world and what they have done, also while it starts again. The node is left open. From any
  // thread.
  std::vector<RankStatus> status(int32_t world) const;
  std::vector<RankCounts> counts(int32_t world) const;  // the same's

  // Null if the model takes no images.
  ImageStore* images() const { return images_.get(); }
  // Of a world's group that is published here; null if the model takes no images, or if all ranks of the group are
  // here, and share the store.
  ImageDesk* image_desk(int32_t world, int32_t group) const;
  // Calls it on any thread when an image has been made for a world with ranks in other processes. Before its first
  // round.
  void on_images_made(int32_t world, const std::function<void()>& call);

  // Of the own ranks' weights, each by its place among them.
  WeightCheck& weight_check() { return *weight_check_; }

  // Of the groups that are published here: tokens whose keys and values are there from the last start of their world.
  int64_t num_kept_tokens() const { return num_kept_tokens_; }
  // Those of one group, for its publisher.
  KeptOfGroup take_kept_pages(int32_t world, int32_t group);

  // Records what all ranks do, world by world, while it is on.
  StepTrace& trace() { return *trace_; }

  // The own ranks of a world, for World (worker/world.h). The set outlives it, as do the masks.
  std::vector<WorldMember> members(int32_t world, TokenMasks* masks);

  // Shared by all worlds.
  LocalKvPageTransfer& page_transfer() { return *page_transfer_; }
  // Of a world's ranks, also to those in other processes.
  KvPageTransfer& page_transfer_of(int32_t world) const;

  // What wakes the ranks of a world that sleep; its end does, too.
  std::shared_ptr<Parking> parking(int32_t world) const { return parkings_[static_cast<size_t>(world)]; }
  // The groups of a world whose publishers are in this process.
  std::vector<int32_t> published_groups(int32_t world) const;

  // Runs work(rank) for all own ranks at once, each on its own thread bound to its CPUs. Returns the first error.
  Status on_all_ranks(FunctionRef<Status(Rank& rank, int32_t world)> work);

 private:
  RankSet(const Checkpoint& checkpoint, const RankOptions& options, ProcessRanks ranks, std::shared_ptr<Logger> logger);
  // Indices are those of own ranks.
  size_t index_of(int32_t world, int32_t tp_rank) const {
    return static_cast<size_t>(world * layout().tp_size + tp_rank - own_.own.begin);
  }
  int32_t world_index(size_t index) const {
    return static_cast<int32_t>(own_.own.begin + static_cast<int64_t>(index)) / layout().tp_size;
  }
  int32_t tp_rank_of(size_t index) const {
    return static_cast<int32_t>(own_.own.begin + static_cast<int64_t>(index)) % layout().tp_size;
  }
  size_t own_process() const { return static_cast<size_t>(own_.transport->process()); }
  const ThreadWorld* world_of(size_t index) const { return worlds_[static_cast<size_t>(world_index(index))].get(); }
  IndexRange own_tp_ranks(int32_t world) const;
  // The same for the ranks of some worlds, with the rank's index, before ranks exist. An error ends the rank's world.
  Status on_threads(int32_t first_world, int32_t num_worlds, FunctionRef<Status(size_t index)> work);
  Status make_image_store(const Checkpoint& checkpoint, const RankOptions& options, const LoadedModel& loaded);
  Status find_kept_pages(KeptMemories& kept, const PoolSize& pool, int64_t pool_bytes);
  void prepare_ranks(const RankOptions& options, const KvShape& kv_shape, LoadedModel& loaded);
  Result<void, RankError> make_ranks(int32_t first_world, int32_t num_worlds);
  void connect_world(int32_t world);
  Status pace_moves(int32_t world);
  std::unique_ptr<PlanCourier> make_courier(int32_t world, int32_t tp_rank) const;

  const std::shared_ptr<Logger> logger_;
  const std::unique_ptr<StepTrace> trace_;
  const ProcessRanks own_;
  const ModelConfig config_;
  const CpuIsa isa_;
  const DType dtype_;
  const KvDType kv_dtype_;
  const QuantizedWeights quantized_;
  const DType row_dtype_;
  SchedulerConfig scheduler_;
  int64_t weight_bytes_ = 0;
  int64_t max_moving_tokens_ = 0;
  std::unique_ptr<KeptWeights> kept_weights_;           // null: the weights end with this process; outlives the models
  std::unique_ptr<LocalKvPageTransfer> page_transfer_;  // outlives the ranks, as do
  std::vector<std::unique_ptr<Model>> models_;          // these: of each rank, as are the next
  TowerShare tower_share_;
  std::unique_ptr<JointTower> tower_;   // null if the process has all of the tower, or there is none
  std::unique_ptr<ImageStore> images_;  // null if the model takes no images; outlives the ranks, too
  std::vector<std::string> realms_;     // of shared memory, by process
  ImageCarrierOptions carrier_;
  std::unique_ptr<WeightCheck> weight_check_;  // reads the models' memory
  RankSetup setup_;                            // what all ranks are made from
  WorldOptions world_options_;
  std::vector<std::unique_ptr<RankCounters>> counters_;
  int64_t kv_bytes_ = 0;                          // of a rank's pool
  std::vector<std::unique_ptr<KeptPages>> kept_;  // of each own rank; null for most
  std::vector<std::vector<KeptPage>> found_;      // in them, until they are taken
  int64_t num_kept_tokens_ = 0;
  std::vector<std::unique_ptr<ThreadWorld>> worlds_;
  std::vector<std::unique_ptr<ProcessKvPageTransfer>> process_transfers_;  // of each; null if it is in this process
  std::vector<std::unique_ptr<Rank>> ranks_;                               // world by world, as are the next two
  std::vector<std::unique_ptr<HeaderExchange>> headers_;
  std::vector<std::unique_ptr<PlanCourier>> couriers_;  // null for most
  std::vector<std::shared_ptr<Parking>> parkings_;      // of each world
};

}  // namespace braid
