// A profile of the ranks' steps as a timeline for the browser, and as a table of where the time went with a setting to
// try. Pure functions over the spans that base/step_trace.h recorded.
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

// In the Chrome trace event format (chrome://tracing, Perfetto): one row for each rank, times in microseconds from the
// start of the first span. "otherData" has the shares and the suggestion.
std::string chrome_trace(const Profile& profile);

struct PhaseShares {
  std::array<double, kNumTracePhases> seconds{};  // [TracePhase] summed over the ranks
  double total_s = 0;
  int64_t num_steps = 0;  // the most of any rank
  double share(TracePhase phase) const { return total_s > 0 ? seconds[static_cast<size_t>(phase)] / total_s : 0; }
};
PhaseShares phase_shares(const Profile& profile);

// One line for each phase, largest first, with seconds, share and time per step; then what to try.
std::string profile_table(const PhaseShares& shares);

// A setting to try for the largest cost, in one or two sentences; never empty.
std::string profile_suggestion(const PhaseShares& shares);

}  // namespace braid
