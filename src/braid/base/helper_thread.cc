#include "braid/base/helper_thread.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace braid {

struct HelperThread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // the next one
  bool is_busy = false;
  bool must_end = false;
  bool is_left_behind = false;
  std::function<void()> on_end;
};

HelperThread::HelperThread() : shared_(std::make_shared<Shared>()), thread_([shared = shared_] { serve(shared); }) {}

HelperThread::~HelperThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->must_end = true;
  }
  shared_->changed.notify_all();
  thread_.join();
}

void HelperThread::serve(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->must_end || shared->is_busy; });
    if (!shared->is_busy) return;
    std::function<void()> call = std::exchange(shared->call, nullptr);
    lock.unlock();
    call();
    call = nullptr;  // lets go of what it owns
    lock.lock();
    shared->is_busy = false;
    shared->changed.notify_all();
    if (shared->is_left_behind) {
      shared->on_end();
      return;
    }
  }
}

void HelperThread::begin(std::function<void()> call) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->call = std::move(call);
    shared_->is_busy = true;
  }
  shared_->changed.notify_all();
}

bool HelperThread::has_ended(double wait_s) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, std::chrono::duration<double>(wait_s), [&] { return !shared_->is_busy; });
}

void HelperThread::wait() {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return !shared_->is_busy; });
}

double HelperThread::cpu_s() {
  clockid_t clock = {};
  timespec used = {};
  if (pthread_getcpuclockid(thread_.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

void HelperThread::leave_behind(std::function<void()> on_end) {
  bool is_busy = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_left_behind = true;
    shared_->must_end = true;
    is_busy = shared_->is_busy;
    if (is_busy) shared_->on_end = on_end;
  }
  shared_->changed.notify_all();
  thread_.detach();
  if (!is_busy) on_end();
}

}  // namespace braid
