// A profile of the ranks' steps as a timeline for the browser, and as a table of where the time went with a setting to
// try. Pure functions over what all processes have recorded (wire/profile.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "braid/wire/profile.h"

namespace braid {

// In the Chrome trace event format (chrome://tracing, Perfetto): a process for each process with ranks, in it a row for
// each rank, times in microseconds from the start of the first span. "otherData" has the shares, the suggestion, the
// summary, the clocks, and what is missing.
std::string chrome_trace(const Profile& profile);

struct PhaseShares {
  std::array<double, kNumTracePhases> seconds{};  // [TracePhase] summed over the ranks
  double total_s = 0;
  int64_t num_steps = 0;  // the most of any rank
  double share(TracePhase phase) const { return total_s > 0 ? seconds[static_cast<size_t>(phase)] / total_s : 0; }
};
PhaseShares phase_shares(const Profile& profile);

// A line for each phase, largest first, with seconds, share and time per step; one for each other process with its
// clock and what is missing of it; and what to try.
std::string profile_summary(const Profile& profile);

// The rank that the others wait for most, with the flag that would help, if there are several; and a setting to try for
// the largest cost. A few sentences; never empty.
std::string profile_suggestion(const Profile& profile);

}  // namespace braid
