// An engine's ranks as threads of this process. Tested by engine_test.cc.
#pragma once

#include <memory>

#include "braid/api/engine.h"
#include "braid/api/engine_ranks.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/worker/worker.h"

namespace braid {

class LocalRanks final : public EngineRanks {
 public:
  LocalRanks(std::unique_ptr<RankSet> ranks, const EngineOptions& options);

  const ParallelLayout& layout() const override { return worker_.ranks().layout(); }
  ControlledGroups groups() const override;
  int64_t max_moving_tokens() const override { return worker_.ranks().max_moving_tokens(); }
  ImageCounts image_counts() const override {
    const ImageStore* const images = worker_.ranks().images();
    return images == nullptr ? ImageCounts() : images->counts();
  }
  std::unique_ptr<ControllerLink> take_link() override { return std::move(links_.controller); }
  GroupHost& control() override { return worker_; }
  void start(ControllerThread& controller) override;
  void stop() override { worker_.stop(); }
  void start_profile() override { worker_.ranks().trace().start(); }
  Profile stop_profile() override;
  WeightReport check_weights() override;

 private:
  const WorkerOptions options_;
  Worker worker_;
  InProcessLinks links_;  // until both ends are taken
};

}  // namespace braid
