// How operations on rows divide work between threads. Tested by kernels/elementwise_test.cc, as parallel_for.
#pragma once

#include <algorithm>

#include "braid/base/float_mode.h"
#include "braid/base/function_ref.h"
#include "braid/base/index_range.h"
#include "braid/base/thread_team.h"

namespace braid::cpu {

// Below this many elements the calling thread works alone: in cache it is done in 2 us, about what a job costs. With
// twice as many the norms and positions of 8 streams are alone, and cold, 20 us of a layer.
constexpr int64_t kElementsWorthATeam = 16 * 1024;

// Runs work(begin, end) over parts of [0, count); each item touches about `elements` elements. It runs in the team's
// floating-point mode even if the caller works alone. Results must not depend on the parts.
inline void split_rows(ThreadTeam& team, int64_t count, int64_t elements, FunctionRef<void(int64_t, int64_t)> work) {
  if (count <= 0) return;
  if (team.size() == 1 || count == 1 || count * elements < kElementsWorthATeam) {
    const FlushDenormals flush;
    work(0, count);
    return;
  }
  // Pieces of at least half of that, and enough of them that a thread that is late costs little.
  constexpr int64_t kMostPieces = 8;  // of a thread
  const int64_t pieces = std::min(
      count, std::clamp(count * elements / (kElementsWorthATeam / 2), int64_t{team.size()}, team.size() * kMostPieces));
  team.run_pieces(pieces, [&](const WorkPiece& piece) {
    const IndexRange part = split_evenly(count, static_cast<int>(piece.index), static_cast<int>(pieces));
    work(part.begin, part.end);
  });
}

}  // namespace braid::cpu
