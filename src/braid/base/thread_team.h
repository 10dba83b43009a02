// The compute threads of one rank: fork-join over a fixed team, whose members wait without cost when there is no work.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "braid/base/cpu_seats.h"
#include "braid/base/function_ref.h"

namespace braid {

class ThreadTeam {
 public:
  // `size` threads in all, the calling one included (size >= 1).
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Runs work(thread) once for each thread in [0, size), the caller being thread 0, and returns when all are done. Each
  // has a CPU of its own if there are so many (base/cpu_seats.h).
  // Only one thread may call it at a time. Every member computes with denormals flushed to zero (FTZ and DAZ), which is
  // what AMX does; the caller's mode is restored on return.
  void run(FunctionRef<void(int thread)> work);

  // Inside run(): waits until all threads of the team have arrived. Every thread must call it equally often.
  void barrier();

  // Inside run(): memory of `thread`'s own, at least `bytes` of it, aligned to 64 and with any content, kept until that
  // thread asks for more: what a kernel needs while it runs, without an allocation in the steady state.
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
  alignas(64) std::atomic<uint32_t> epoch_{0};      // counts run() calls; members wait for it to move
  alignas(64) std::atomic<uint32_t> remaining_{0};  // members still working
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> barrier_epoch_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace braid
