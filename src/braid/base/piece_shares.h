// The pieces of one job, dealt to the threads of a team. A thread takes its own share from the front, then what is left
// of the others' shares from their ends, so nobody waits for work that has not begun. Tested by thread_team_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace braid {

// A piece of a job, and what its thread will probably take next (to fetch it ahead; -1: nothing).
struct WorkPiece {
  int thread = 0;
  int64_t index = 0;
  int64_t likely_next = -1;
};

class PieceShares {
 public:
  explicit PieceShares(int num_threads) : shares_(static_cast<size_t>(num_threads)) {}

  // At most this many pieces a thread.
  static constexpr int64_t kMostPieces = 0xffff;

  // Shares out pieces [0, count) in consecutive runs of about equal length, or one piece for each thread, which no
  // other thread takes. All pieces of the job before must have been taken. What the caller has written is visible to
  // whoever takes a piece.
  void deal(int64_t count);
  void deal_one_each();

  // Takes a piece; nothing if there is none left for this thread.
  std::optional<WorkPiece> take(int thread);

 private:
  // Next piece (low 16 bits), end (16), whether others may take from it, and the job's number. With the number, a
  // thread that was interrupted between reading a share and taking from it cannot take from a later job unawares.
  using Word = uint64_t;
  static constexpr Word kIsShared = Word{1} << 32;

  struct alignas(64) Share {
    std::atomic<Word> word{0};
    int64_t first = 0;  // piece 0 of the share
  };

  void set(Share& share, int64_t first, int64_t count, Word flag);

  std::vector<Share> shares_;
  Word job_ = 0;
};

}  // namespace braid
