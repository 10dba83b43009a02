#include "braid/base/idle_caller.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

constexpr double kLeastShare = 0.25;  // of a CPU: what give_way_to_steps() leaves

double cpu_seconds_of(std::thread& thread) {
  clockid_t clock = {};
  timespec used = {};
  if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace

struct IdleCaller::Helper {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // the next one
  bool is_busy = false;
  bool must_end = false;
};

IdleCaller::~IdleCaller() {
  if (helper_ == nullptr) return;
  {
    const std::lock_guard lock(helper_->mutex);
    helper_->must_end = true;
  }
  helper_->changed.notify_all();
  if (is_done_in_time()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void IdleCaller::serve(const std::shared_ptr<Helper>& helper) {
  run_when_idle();
  std::unique_lock lock(helper->mutex);
  while (true) {
    helper->changed.wait(lock, [&] { return helper->must_end || helper->is_busy; });
    if (!helper->is_busy) return;
    std::function<void()> call = std::exchange(helper->call, nullptr);
    lock.unlock();
    call();
    call = nullptr;  // lets go of what it owns
    lock.lock();
    helper->is_busy = false;
    helper->changed.notify_all();
  }
}

bool IdleCaller::run(std::function<void()> call) {
  if (helper_ == nullptr) {
    helper_ = std::make_shared<Helper>();
    thread_ = std::thread([helper = helper_] { serve(helper); });
  }
  {
    const std::lock_guard lock(helper_->mutex);
    if (helper_->is_busy) return false;
    helper_->call = std::move(call);
    helper_->is_busy = true;
  }
  helper_->changed.notify_all();
  return is_done_in_time();
}

bool IdleCaller::is_done_in_time() {
  double begin_s = monotonic_seconds();
  double begin_cpu_s = cpu_seconds_of(thread_);
  std::unique_lock lock(helper_->mutex);
  while (
      !helper_->changed.wait_for(lock, std::chrono::duration<double>(window_s_), [&] { return !helper_->is_busy; })) {
    const double now_s = monotonic_seconds();
    const double cpu_s = cpu_seconds_of(thread_);
    if (cpu_s - begin_cpu_s < kLeastShare * (now_s - begin_s)) return false;
    begin_s = now_s;
    begin_cpu_s = cpu_s;
  }
  return true;
}

}  // namespace braid
