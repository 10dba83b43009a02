#include "braid/base/watched_caller.h"

#include <cstdint>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/patience.h"

namespace braid {
namespace {

Progress progress_of(HelperThread& helper) {
  return {.cpu_ticks = static_cast<int64_t>(helper.cpu_s() / Progress::kCpuTickS)};
}

}  // namespace

bool WatchedCaller::run(std::function<void()> call) {
  if (*num_stuck_ >= kMaxStuck) return false;
  if (helper_ == nullptr) helper_ = std::make_unique<HelperThread>();
  Patience patience(patience_s_);
  patience.begin(progress_of(*helper_), monotonic_seconds());
  helper_->begin(std::move(call));
  if (patience_s_ <= 0) {
    helper_->wait();
    return true;
  }
  while (!helper_->has_ended(patience.interval_s())) {
    if (!patience.is_over(progress_of(*helper_), monotonic_seconds())) continue;
    ++*num_stuck_;
    helper_->leave_behind([num_stuck = num_stuck_] { --*num_stuck; });
    helper_ = nullptr;
    return false;
  }
  return true;
}

}  // namespace braid
