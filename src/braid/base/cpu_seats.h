// A CPU of its own for each thread of a team. The scheduler may wake two threads on one CPU while another is idle (to
// be near the waker's cache, or to keep virtual CPUs idle), and they compute by turns until it balances the load, for
// 2 to 10 ms. Pinning would prevent that, and would let two processes pin their threads to the same CPUs; so a thread
// is moved only when it finds itself where a teammate sits, and stays free to be moved by the scheduler.
#pragma once

#include <atomic>
#include <vector>

namespace braid {

class CpuSeats {
 public:
  explicit CpuSeats(int num_threads);

  // Before `thread`, the calling one, computes. A CPU where nobody sits becomes its seat. From a teammate's it moves
  // back to its own, or to a free one of its affinity mask, which is left as it was; if there is none it stays. No
  // system call while the thread has not been moved. Each thread of the team may call it at any time for itself.
  void settle(int thread);

 private:
  static constexpr int kNone = -1;

  bool take(int thread, int cpu);
  void move(int thread);

  std::vector<std::atomic<int>> sitting_;  // on each CPU: the thread, or none
  std::vector<int> seat_;                  // of each thread, written by itself alone
  std::vector<int> seen_;                  // where each thread was at its last call, likewise
};

}  // namespace braid
