#include "braid/parallel/world_state.h"

#include <fmt/format.h>

#include "braid/base/clock.h"

namespace braid {

WorldState::WorldState(const ParallelLayout& layout, double timeout_s, bool ranks_share_cpus)
    : num_ranks_(layout.tp_size),
      group_size_(layout.attn_tp_size()),
      timeout_s_(timeout_s),
      ranks_share_cpus_(ranks_share_cpus),
      recorder_(layout.tp_size, layout.attn_tp_size()),
      steps_(static_cast<size_t>(layout.tp_size)),
      threads_(static_cast<size_t>(layout.tp_size)) {}

Error WorldState::end(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) {
      failure_ = fmt::format("the world of {} ranks has ended: {}\n{}", num_ranks_, reason, report());
      has_failed_.store(true);
    }
  }
  for (const auto& wake : wakers_) wake();
  return failure();
}

Error WorldState::failure() const {
  const std::lock_guard lock(mutex_);
  return Error{failure_};
}

std::string WorldState::report() const {
  return recorder_.report(monotonic_seconds());
}

RecordedOp::RecordedOp(WorldState& state, int32_t world_rank, const OpRecord& record)
    : state_(state), world_rank_(world_rank) {
  OpRecord entered = record;
  entered.entered_s = monotonic_seconds();
  number_ = state_.recorder().enter(world_rank, entered);
}

RecordedOp::~RecordedOp() {
  state_.recorder().leave(world_rank_, number_, monotonic_seconds());
}

}  // namespace braid
