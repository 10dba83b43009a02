#include "braid/worker/plan_board.h"

#include <utility>

namespace braid {

void PlanBoard::put(uint64_t round, std::shared_ptr<const StepPlan> plan) {
  {
    const std::lock_guard lock(mutex_);
    posted_[round % 2] = {.round = round, .plan = std::move(plan)};
  }
  changed_.notify_all();
}

Result<std::shared_ptr<const StepPlan>> PlanBoard::wait_for(uint64_t round) {
  std::unique_lock lock(mutex_);
  const Posted& posted = posted_[round % 2];
  changed_.wait(lock, [&] { return posted.round == round || has_ended_; });
  if (posted.round != round) return fail("the world has ended");
  return posted.plan;
}

void PlanBoard::end() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

}  // namespace braid
