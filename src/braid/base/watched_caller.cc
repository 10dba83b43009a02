#include "braid/base/watched_caller.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/patience.h"

namespace braid {
namespace {

// Of a thread that has not ended.
Progress progress_of(std::thread& thread) {
  clockid_t clock = {};
  timespec used = {};
  if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
  const double cpu_s = static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
  return {.cpu_ticks = static_cast<int64_t>(cpu_s / Progress::kCpuTickS)};
}

}  // namespace

struct WatchedCaller::Helper {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // the next one
  bool is_busy = false;
  bool must_end = false;
  std::shared_ptr<std::atomic<int>> num_stuck;  // set when it is left behind
};

WatchedCaller::~WatchedCaller() {
  if (helper_ == nullptr) return;
  {
    const std::lock_guard lock(helper_->mutex);
    helper_->must_end = true;
  }
  helper_->changed.notify_all();
  thread_.join();
}

void WatchedCaller::serve(const std::shared_ptr<Helper>& helper) {
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
    if (helper->num_stuck != nullptr) {
      --*helper->num_stuck;
      return;
    }
  }
}

bool WatchedCaller::run(std::function<void()> call) {
  if (*num_stuck_ >= kMaxStuck) return false;
  if (helper_ == nullptr) {
    helper_ = std::make_shared<Helper>();
    thread_ = std::thread([helper = helper_] { serve(helper); });
  }
  Patience patience(patience_s_);
  patience.begin(progress_of(thread_), monotonic_seconds());
  std::unique_lock lock(helper_->mutex);
  helper_->call = std::move(call);
  helper_->is_busy = true;
  helper_->changed.notify_all();
  const auto is_done = [&] { return !helper_->is_busy; };
  const std::chrono::duration<double> between_looks(patience.interval_s());
  while (!is_done()) {
    if (patience_s_ <= 0) {
      helper_->changed.wait(lock, is_done);
    } else if (!helper_->changed.wait_for(lock, between_looks, is_done) &&
               patience.is_over(progress_of(thread_), monotonic_seconds())) {
      helper_->num_stuck = num_stuck_;
      ++*num_stuck_;
      lock.unlock();
      helper_ = nullptr;
      thread_.detach();
      return false;
    }
  }
  return true;
}

}  // namespace braid
