// An engine's ranks in processes of their own, on this host and on others, which this one starts, or a launcher has
// started. They end with it. Tested by tests/e2e/test_rank_processes.py and tests/cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/api/engine_ranks.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/node/rank_memory_keeper.h"
#include "braid/node/remote_worlds.h"
#include "braid/node/runtime_folder.h"
#include "braid/weights/checkpoint.h"

namespace braid {

class RemoteRanks final : public EngineRanks {
 public:
  // Starts the processes and waits until all are ready.
  static Result<std::unique_ptr<RemoteRanks>> start(const EngineOptions& options, const Checkpoint& checkpoint,
                                                    const std::shared_ptr<Logger>& logger);

  const ParallelLayout& layout() const override { return layout_; }
  ControlledGroups groups() const override;
  int64_t max_moving_tokens() const override { return ready_.max_moving_tokens; }
  std::vector<ExchangeCosts> exchange_costs() const override { return worlds_->exchange_costs(); }
  ImageCounts image_counts() const override { return worlds_->image_counts(); }
  std::unique_ptr<ControllerLink> take_link() override { return worlds_->make_link(); }
  GroupHost& control() override { return *worlds_; }
  void start(ControllerThread& controller) override { worlds_->connect(controller, controller.masks()); }
  void stop() override { worlds_->stop(); }
  void start_profile() override { worlds_->start_profile(); }
  Profile stop_profile() override { return worlds_->stop_profile(); }
  WeightReport check_weights() override { return worlds_->check_weights(); }

 private:
  explicit RemoteRanks(const ParallelLayout& layout) : layout_(layout) {}

  Status plan_start(const EngineOptions& options, const Checkpoint& checkpoint, RemoteWorldsOptions& worlds,
                    Logger& log);

  const ParallelLayout layout_;
  std::optional<RuntimeFolder> folder_;  // absent: a launcher has started the processes
  std::optional<MemoryKeeper> keeper_;
  std::unique_ptr<RemoteWorlds> worlds_;
  ProcessReady ready_;
};

// What all nodes of a cluster must have in common: program, model, layout, exchange and which of them stands by, in one
// line.
Result<std::string> cluster_identity(const std::string& version, const Checkpoint& checkpoint, const RankOptions& ranks,
                                     std::span<const int32_t> ranks_on_node, int32_t standby);

}  // namespace braid
