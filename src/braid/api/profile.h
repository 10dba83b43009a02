// What a profile of the ranks' steps shows: a timeline for the browser, and a table of where the time went with a
// setting to try. Pure functions over what base/step_trace.h recorded.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/step_trace.h"

namespace braid {

struct Profile {
  std::vector<std::vector<TraceSpan>> ranks;  // [ranks]
  std::vector<std::string> names;             // [ranks] "rank 3 (group 1)"
};

// In the Chrome trace event format (chrome://tracing, Perfetto): a row a rank, times in microseconds from the first
// span's begin. "otherData" has the shares and the suggestion.
std::string chrome_trace(const Profile& profile);

struct PhaseShares {
  std::array<double, kNumTracePhases> seconds{};  // [TracePhase] summed over the ranks
  double total_s = 0;
  int64_t num_steps = 0;  // the most of any rank
  double share(TracePhase phase) const { return total_s > 0 ? seconds[static_cast<size_t>(phase)] / total_s : 0; }
};
PhaseShares phase_shares(const Profile& profile);

// A line a phase, largest first, with seconds, share and time a step; then what to try.
std::string profile_table(const PhaseShares& shares);

// What the largest cost suggests, in a sentence or two; always something.
std::string profile_suggestion(const PhaseShares& shares);

}  // namespace braid
