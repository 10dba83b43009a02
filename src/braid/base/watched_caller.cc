#include "braid/base/watched_caller.h"

#include <cstdint>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/patience.h"

namespace braid {
namespace {

Progress progress_of(CallThread& thread) {
  return {.cpu_ticks = static_cast<int64_t>(thread.cpu_seconds() / Progress::kCpuTickS)};
}

}  // namespace

bool WatchedCaller::run(std::function<void()> call) {
  if (*num_stuck_ >= kMaxStuck) return false;
  if (!thread_) thread_.emplace();
  Patience patience(patience_s_);
  patience.begin(progress_of(*thread_), monotonic_seconds());
  thread_->start(std::move(call));
  if (patience_s_ <= 0) {
    thread_->wait();
    return true;
  }
  while (!thread_->wait_for(patience.interval_s())) {
    if (!patience.is_over(progress_of(*thread_), monotonic_seconds())) continue;
    ++*num_stuck_;
    thread_->leave([num_stuck = num_stuck_] { --*num_stuck; });
    thread_.reset();
    return false;
  }
  return true;
}

}  // namespace braid
