#include "braid/base/idle_caller.h"

#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

constexpr double kLeastShare = 0.25;  // of a CPU: what give_way_to_steps() leaves

}  // namespace

IdleCaller::~IdleCaller() {
  if (thread_ && !is_done_in_time()) thread_->leave();
}

bool IdleCaller::run(std::function<void()> call) {
  if (!thread_) thread_.emplace(run_when_idle);
  return thread_->start(std::move(call)) && is_done_in_time();
}

bool IdleCaller::is_done_in_time() {
  double begin_s = monotonic_seconds();
  double begin_cpu_s = thread_->cpu_seconds();
  while (!thread_->wait_for(window_s_)) {
    const double now_s = monotonic_seconds();
    const double cpu_s = thread_->cpu_seconds();
    if (cpu_s - begin_cpu_s < kLeastShare * (now_s - begin_s)) return false;
    begin_s = now_s;
    begin_cpu_s = cpu_s;
  }
  return true;
}

}  // namespace braid
