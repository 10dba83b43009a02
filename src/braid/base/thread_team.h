// The compute threads of one rank: fork-join over a fixed team. Idle members wait without cost.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "braid/base/cpu_seats.h"
#include "braid/base/function_ref.h"
#include "braid/base/patience.h"

namespace braid {

class ThreadTeam {
 public:
  // `size` threads in all, including the calling one (size >= 1).
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Runs work(thread) once for each thread in [0, size), thread 0 being the caller, and returns when all are done. Each
  // thread has a CPU of its own if there are enough (base/cpu_seats.h). Only one thread may call run() at a time. Every
  // member computes with denormals flushed to zero (FTZ and DAZ), as AMX does; the caller's mode is restored on return.
  void run(FunctionRef<void(int thread)> work);

  // Inside run(): waits until all threads of the team have arrived. Every thread must call it equally often.
  void barrier();

  // From any thread: calls of run() so far, and the processor time of all its threads.
  Progress progress() const;

  // Inside run(): at least `bytes` of memory of `thread`'s own, aligned to 64, with any content. It stays until that
  // thread asks for more. Kernels use it as working memory, so that the steady state allocates nothing.
  std::byte* scratch(int thread, int64_t bytes);

 private:
  struct Scratch {
    std::vector<std::byte> memory;
    std::byte* aligned = nullptr;
    int64_t bytes = 0;
  };

  void member_loop(int thread);

  const int size_;
  std::vector<std::thread> members_;
  std::vector<Scratch> scratch_;
  CpuSeats seats_;
  const FunctionRef<void(int)>* work_ = nullptr;
  alignas(64) std::atomic<uint32_t> epoch_{0};      // counts calls of run(); members wait for it to change
  alignas(64) std::atomic<uint32_t> remaining_{0};  // members still working
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> barrier_epoch_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> num_runs_{0};
  std::vector<std::atomic<pid_t>> ids_;  // of each thread, as the kernel knows it; 0: it has not run yet
};

}  // namespace braid
