#include "braid/base/call_thread.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace braid {

struct CallThread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // the next one
  bool is_busy = false;
  bool must_end = false;
  std::function<void()> at_end;
};

CallThread::CallThread(std::function<void()> begin)
    : shared_(std::make_shared<Shared>()), thread_([shared = shared_, begin = std::move(begin)] {
        if (begin) begin();
        serve(*shared);
      }) {}

CallThread::~CallThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->must_end = true;
  }
  shared_->changed.notify_all();
  thread_.join();
}

void CallThread::serve(Shared& shared) {
  std::unique_lock lock(shared.mutex);
  while (true) {
    shared.changed.wait(lock, [&] { return shared.must_end || shared.is_busy; });
    if (!shared.is_busy) break;
    std::function<void()> call = std::exchange(shared.call, nullptr);
    lock.unlock();
    call();
    call = nullptr;  // lets go of what it owns
    lock.lock();
    shared.is_busy = false;
    shared.changed.notify_all();
  }
  if (shared.at_end) shared.at_end();
}

bool CallThread::start(std::function<void()> call) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->is_busy) return false;
    shared_->call = std::move(call);
    shared_->is_busy = true;
  }
  shared_->changed.notify_all();
  return true;
}

void CallThread::wait() {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return !shared_->is_busy; });
}

bool CallThread::wait_for(double seconds) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return !shared_->is_busy; });
}

double CallThread::cpu_seconds() {
  clockid_t clock = {};
  timespec used = {};
  if (pthread_getcpuclockid(thread_.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

void CallThread::leave(std::function<void()> at_end) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->at_end = std::move(at_end);
    shared_->must_end = true;
  }
  shared_->changed.notify_all();
  thread_.detach();
}

}  // namespace braid
