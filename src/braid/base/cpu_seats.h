// Gives each thread of a team a CPU of its own. The scheduler may wake two threads on one CPU while another is idle (to
// be near the waker's cache, or to keep virtual CPUs idle). They then take turns for 2 to 10 ms, until the scheduler
// balances the load. Pinning would prevent this, but could also pin the threads of two processes to the same CPUs. So a
// thread is moved only when it finds itself on a teammate's CPU, and the scheduler stays free to move it.
#pragma once

#include <atomic>
#include <vector>

namespace braid {

class CpuSeats {
 public:
  explicit CpuSeats(int num_threads);

  // Call before `thread`, the calling thread, computes. If no teammate owns the current CPU, it becomes the thread's
  // seat. On a teammate's CPU, the thread moves back to its own seat or to a free CPU of its affinity mask; without one
  // it stays. The mask is left unchanged. Makes no system call unless the thread was moved. Each thread of the team may
  // call it for itself at any time.
  void settle(int thread);

 private:
  static constexpr int kNone = -1;

  bool take(int thread, int cpu);
  void move(int thread);

  std::vector<std::atomic<int>> sitting_;  // by CPU: the thread whose seat it is, or kNone
  std::vector<int> seat_;                  // of each thread; only that thread writes it
  std::vector<int> seen_;                  // the CPU of each thread at its last call; only that thread writes it
};

}  // namespace braid
