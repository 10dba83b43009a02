#include "braid/parallel/world_state.h"

#include <fmt/format.h>

#include <utility>

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

void WorldState::watch(std::function<Progress()> progress) {
  const std::lock_guard lock(progress_mutex_);
  progress_ = std::move(progress);
}

Progress WorldState::progress() const {
  const std::lock_guard lock(progress_mutex_);
  return progress_ ? progress_() : Progress();
}

void WorldState::on_failure(std::function<void()> wake) {
  {
    const std::lock_guard lock(mutex_);
    if (!has_failed_.load()) {
      wakers_.push_back(std::move(wake));
      return;
    }
  }
  wake();
}

Error WorldState::end(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) {
      const std::string what = agree_ ? agree_(reason) : fmt::format("{}\n{}", reason, report());
      failure_ = fmt::format("the world of {} ranks has ended: {}", num_ranks_, what);
      has_failed_.store(true);
    }
  }
  for (const auto& wake : wakers_) wake();  // no more come
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
