// The worker: all ranks of this process at work. It runs the worlds of a RankSet on threads of their own. Commands come
// over one link a group; outputs go to a listener.
//
// Tested by api/engine_test.cc and api/dispatch_invariance_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "braid/wire/group_listener.h"
#include "braid/wire/local_groups.h"
#include "braid/wire/token_masks.h"
#include "braid/wire/transport/link.h"
#include "braid/worker/rank_set.h"
#include "braid/worker/world.h"

namespace braid {

struct WorkerOptions {
  int32_t prefill_alignment = 0;  // as World's
  // Called by each rank's thread before each of its steps: for tests that hold a rank up, or make it fail by throwing.
  std::function<void(int32_t world, int32_t tp_rank)> before_step = {};
};

class Worker final : public LocalGroups {
 public:
  explicit Worker(std::unique_ptr<RankSet> ranks) : ranks_(std::move(ranks)) {}
  ~Worker() override { stop(); }

  RankSet& ranks() { return *ranks_; }
  const RankSet& ranks() const { return *ranks_; }

  // Starts the ranks' threads. `links`: of group 0 … num_groups - 1. The listener and the masks outlive them.
  void start(std::vector<std::unique_ptr<PublisherLink>> links, GroupListener& listener, TokenMasks& masks,
             const WorkerOptions& options);
  // Ends every world after the step that is under way, and joins the threads. What their requests still lack is lost.
  void stop() { worlds_.clear(); }

  PrefixProbe probe(int32_t group, std::span<const TokenId> prompt) const override;
  PrefixVersion prefix_version(int32_t group) const override;
  void wake(int32_t group) override;
  void lose(int32_t group, std::span<const MoveId> begun) override { ranks_->page_transfer().lose(group, begun); }
  Progress progress(int32_t group) const override { return ranks_->progress(group / groups_per_world()); }

 private:
  int32_t groups_per_world() const { return ranks_->layout().groups_per_world(); }
  World& world_of(int32_t group) const { return *worlds_[static_cast<size_t>(group / groups_per_world())]; }

  std::unique_ptr<RankSet> ranks_;
  std::vector<std::unique_ptr<World>> worlds_;
};

}  // namespace braid
