// The compute threads of one rank: fork-join over a fixed team. Idle members wait without cost.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "braid/base/cpu_seats.h"
#include "braid/base/function_ref.h"
#include "braid/base/helped_thread.h"
#include "braid/base/patience.h"
#include "braid/base/piece_shares.h"
#include "braid/base/thread_role.h"

namespace braid {

class ThreadTeam {
 public:
  // `size` threads in all, including the calling one (size >= 1). The others have this role.
  explicit ThreadTeam(int size, ThreadRole role = ThreadRole::kCompute);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Runs work(piece) once for each index in [0, count), on any threads of the team, and returns when all are done. It
  // waits only for pieces that have begun: a member that has lost its CPU to something else gets none, so a piece
  // should be short. Each thread takes its pieces in ascending order from its own part of [0, count), then from the
  // ends of the others'. Thread 0 is the caller.
  //
  // Only one thread may call run() or run_pieces() at a time. Each thread has a CPU of its own if there are enough
  // (base/cpu_seats.h), and computes with denormals flushed to zero (FTZ and DAZ), as AMX does; the caller's mode is
  // restored on return. If a piece throws, those that have not begun are skipped and the exception is thrown here.
  void run_pieces(int64_t count, FunctionRef<void(const WorkPiece&)> work);

  // The same with one piece for each thread: work(thread) once on each thread in [0, size). It waits for all of them.
  void run(FunctionRef<void(int thread)> work);

  // From any thread: jobs so far, and the processor time of all threads.
  Progress progress() const;

  // Inside run() and run_pieces(): at least `bytes` of memory of `thread`'s own, aligned to 64, with any content. It
  // stays until that thread asks for more. Kernels use it as working memory, so that the steady state allocates
  // nothing.
  std::byte* scratch(int thread, int64_t bytes);

 private:
  struct Scratch {
    std::vector<std::byte> memory;
    std::byte* aligned = nullptr;
    int64_t bytes = 0;
  };
  struct alignas(64) Member {
    std::atomic<bool> is_working{false};  // it has a piece, or is about to take one
    HelpedThread thread;
  };

  // Whether thread 0 moves members that have lost their CPU. Work that asks for each thread may have bound them.
  enum class Help { kMembers, kNobody };

  void begin_job();
  void share_out(int64_t count, FunctionRef<void(const WorkPiece&)> work);
  void set_job(int64_t num_pieces, const FunctionRef<void(const WorkPiece&)>& work);
  void finish_job(Help help);
  void member_loop(int thread);
  void take_pieces(int thread);
  void do_piece(const WorkPiece& piece);
  void wait_for_pieces(Help help);

  const int size_;
  const ThreadRole role_;
  std::vector<Scratch> scratch_;
  std::vector<Member> members_;
  std::atomic<uint64_t> num_begun_{0};  // jobs
  CpuSeats seats_;

  // The job under way. A thread that has taken a piece may read it until the piece is done.
  const FunctionRef<void(const WorkPiece&)>* work_ = nullptr;
  std::atomic<bool> has_failed_{false};
  std::exception_ptr failure_;  // written once by the thread that sets has_failed_

  PieceShares shares_;
  alignas(64) std::atomic<uint32_t> num_jobs_{0};   // members wait for it to change
  alignas(64) std::atomic<uint32_t> remaining_{0};  // pieces that are not done
  std::atomic<bool> stopping_{false};
  std::vector<std::jthread> threads_;  // last: ends before what it uses
};

}  // namespace braid
