#include "braid/base/thread_team.h"

#include <unistd.h>

#include <ctime>

#include "braid/base/check.h"
#include "braid/base/float_mode.h"
#include "braid/base/thread_role.h"

namespace braid {
namespace {

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits until `value` differs from `old`. Spins for about the time between two operations of a step, then yields in
// case threads share cores, then sleeps in the kernel (std::atomic::wait is a futex), so that idle costs nothing.
void wait_while_equal(const std::atomic<uint32_t>& value, uint32_t old) {
  constexpr int kSpins = 2000;  // about 20-40 us
  constexpr int kYields = 50;
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_briefly();
  }
  for (int i = 0; i < kYields; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    std::this_thread::yield();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

pid_t own_id() {
  thread_local const pid_t id = gettid();
  return id;
}

// Of a thread of this process; 0 if it has ended. (A pthread_t would have to be a thread's that lives.)
double cpu_seconds_of(pid_t thread) {
  constexpr clockid_t kThreadSchedulerTime = 4 | 2;  // in the kernel's numbers of threads' clocks
  timespec time{};
  if (thread == 0 || clock_gettime(static_cast<clockid_t>(~thread * 8) | kThreadSchedulerTime, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : size_(size), seats_(size), ids_(static_cast<size_t>(size)) {
  CHECK(size >= 1, "a team of {} threads", size);
  scratch_.resize(static_cast<size_t>(size));
  members_.reserve(static_cast<size_t>(size - 1));
  for (int thread = 1; thread < size; ++thread) members_.emplace_back([this, thread] { member_loop(thread); });
}

ThreadTeam::~ThreadTeam() {
  stopping_.store(true, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (auto& member : members_) member.join();
}

Progress ThreadTeam::progress() const {
  Progress progress{.num_operations = num_runs_.load(std::memory_order_relaxed)};
  double seconds = 0;
  for (const std::atomic<pid_t>& id : ids_) seconds += cpu_seconds_of(id.load(std::memory_order_relaxed));
  progress.cpu_ticks = static_cast<int64_t>(seconds / Progress::kCpuTickS);
  return progress;
}

void ThreadTeam::run(FunctionRef<void(int)> work) {
  ids_[0].store(own_id(), std::memory_order_relaxed);
  num_runs_.fetch_add(1, std::memory_order_relaxed);
  FlushDenormals flush;
  if (size_ == 1) {
    work(0);
    return;
  }
  seats_.settle(0);
  work_ = &work;
  remaining_.store(static_cast<uint32_t>(size_ - 1), std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  work(0);
  for (uint32_t left = remaining_.load(std::memory_order_acquire); left != 0;
       left = remaining_.load(std::memory_order_acquire)) {
    wait_while_equal(remaining_, left);
  }
}

void ThreadTeam::barrier() {
  if (size_ == 1) return;
  const uint32_t epoch = barrier_epoch_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(size_)) {
    arrived_.store(0, std::memory_order_relaxed);
    barrier_epoch_.fetch_add(1, std::memory_order_release);
    barrier_epoch_.notify_all();
  } else {
    wait_while_equal(barrier_epoch_, epoch);
  }
}

std::byte* ThreadTeam::scratch(int thread, int64_t bytes) {
  constexpr int64_t kAlignment = 64;
  Scratch& own = scratch_[static_cast<size_t>(thread)];
  if (own.bytes < bytes) {
    own.memory = std::vector<std::byte>(static_cast<size_t>(bytes + kAlignment));
    const auto address = reinterpret_cast<uintptr_t>(own.memory.data());
    own.aligned = own.memory.data() + (kAlignment - address % kAlignment) % kAlignment;
    own.bytes = bytes;
  }
  return own.aligned;
}

void ThreadTeam::member_loop(int thread) {
  set_thread_role(ThreadRole::kCompute);
  FlushDenormals flush;
  ids_[static_cast<size_t>(thread)].store(own_id(), std::memory_order_relaxed);
  uint32_t seen = 0;
  while (true) {
    wait_while_equal(epoch_, seen);
    ++seen;
    if (stopping_.load(std::memory_order_relaxed)) return;
    seats_.settle(thread);
    (*work_)(thread);
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_one();
  }
}

}  // namespace braid
