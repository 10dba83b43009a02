// The worker: all ranks of this process at work. It runs the worlds of a RankSet on threads of their own. Commands come
// over one link a group; outputs go to a listener.
//
// A lost world is built again on a thread of its own, once all its ranks' threads have come back. Nobody else uses the
// world meanwhile (GroupHost::restart()), so it needs no lock.
//
// Tested by api/engine_test.cc, api/engine_restart_test.cc and api/dispatch_invariance_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "braid/wire/group_host.h"
#include "braid/wire/group_listener.h"
#include "braid/wire/token_masks.h"
#include "braid/wire/transport/link.h"
#include "braid/worker/image_desk.h"
#include "braid/worker/rank_set.h"
#include "braid/worker/world.h"
#include "braid/worker/world_masks.h"

namespace braid {

struct WorkerOptions {
  int32_t prefill_alignment = 0;  // as World's
  double stop_timeout_s = 30;     // how long the ranks of a lost world may take to come back
  // Where this process has one of several worlds: its first group among those of all worlds, and how many these are.
  int32_t first_group = 0;
  int32_t num_groups = 0;  // 0: those of the layout
  // Called on any thread when images of a group's requests have been made. Empty: the world is woken; where it has
  // other processes, all of them must be woken together.
  std::function<void()> on_images_made = {};
  // Called by each rank's thread before each of its steps: for tests that hold a rank up, or make it fail by throwing.
  std::function<void(int32_t world, int32_t tp_rank, const StepPlan& plan)> before_step = {};
};

class Worker final : public GroupHost {
 public:
  explicit Worker(std::unique_ptr<RankSet> ranks) : ranks_(std::move(ranks)) {}
  ~Worker() override { stop(); }

  RankSet& ranks() { return *ranks_; }
  const RankSet& ranks() const { return *ranks_; }

  // Starts the ranks' threads. `links`: of the groups whose publishers are in this process, world by world. The
  // listener and the masks outlive them. `last_maps`: of each group of these worlds, as in WorldStart; none: there was
  // no map.
  void start(std::vector<std::unique_ptr<PublisherLink>> links, GroupListener& listener, MaskSource& masks,
             WorkerOptions options, std::span<const uint64_t> last_maps = {});
  // Ends every world after the step that is under way, and joins the threads. What their requests still lack is lost.
  void stop();

  void wake(int32_t group) override;
  void lose(int32_t group, std::span<const MoveId> begun, MoveId next_move) override;
  void restart(int32_t first_group, WorldStart start) override;
  ClusterStatus cluster() const override;
  Progress progress(int32_t group) const override { return ranks_->progress(group / groups_per_world()); }

 private:
  int32_t groups_per_world() const { return ranks_->layout().groups_per_world(); }
  struct OwnWorld {
    std::vector<std::unique_ptr<ImageDesk>> desks;  // of groups whose ranks are all here; empty without images
    std::unique_ptr<WorldMasks> masks;
    std::unique_ptr<World> world;
    std::thread restarter;
  };

  OwnWorld& own_of(int32_t group) { return worlds_[static_cast<size_t>(group / groups_per_world())]; }
  World& world_of(int32_t group) const { return *worlds_[static_cast<size_t>(group / groups_per_world())].world; }
  void make_world(int32_t index, WorldStart start);
  WorldRestart try_restart(int32_t index, WorldStart start);

  std::unique_ptr<RankSet> ranks_;
  WorkerOptions options_;
  GroupListener* listener_ = nullptr;
  MaskSource* masks_ = nullptr;
  std::vector<OwnWorld> worlds_;
};

}  // namespace braid
