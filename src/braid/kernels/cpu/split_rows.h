// How operations on rows divide work between threads. Tested by kernels/elementwise_test.cc, as parallel_for.
#pragma once

#include "braid/base/float_mode.h"
#include "braid/base/function_ref.h"
#include "braid/base/index_range.h"
#include "braid/base/thread_team.h"

namespace braid::cpu {

// Below this many elements the calling thread works alone: it is done (some 3 us) before the others would have woken.
constexpr int64_t kElementsWorthATeam = 32 * 1024;

// Runs work(begin, end) over parts of [0, count); each item touches about `elements` elements. It runs in the team's
// floating-point mode even if the caller works alone. Results must not depend on the parts.
inline void split_rows(ThreadTeam& team, int64_t count, int64_t elements, FunctionRef<void(int64_t, int64_t)> work) {
  if (count <= 0) return;
  if (team.size() == 1 || count == 1 || count * elements < kElementsWorthATeam) {
    const FlushDenormals flush;
    work(0, count);
    return;
  }
  team.run([&](int thread) {
    const IndexRange part = split_evenly(count, thread, team.size());
    if (part.begin < part.end) work(part.begin, part.end);
  });
}

}  // namespace braid::cpu
