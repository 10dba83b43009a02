// What all ranks of a server did, step by step, on one clock. Plain data. Tested by node/cluster_profile_test.cc and
// api/profile_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/step_trace.h"

namespace braid {

struct ProfiledRank {
  int32_t rank = 0;   // of all worlds
  int32_t world = 0;  // which it is in
  int32_t group = 0;  // of all worlds
  std::vector<TraceSpan> spans;
};

struct ProfiledProcess {
  int32_t node = 0;
  std::string host;
  int64_t pid = 0;
  int32_t num_restarts = 0;  // of its world, before it: ranks of one start step together
  double clock_ahead_s = 0;  // of the front's clock; the spans are on the front's already
  double clock_error_s = 0;  // at most
  std::string missing;       // not empty: the rest of its spans is missing, and why
  std::vector<ProfiledRank> ranks;
};

struct Profile {
  std::vector<ProfiledProcess> processes;
};

}  // namespace braid
