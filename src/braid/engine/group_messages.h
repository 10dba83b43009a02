// What the controller and a DP group say to each other: commands down, outputs up. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "braid/request/ids.h"
#include "braid/scheduler/policy.h"
#include "braid/scheduler/scheduler.h"
#include "braid/scheduler/scheduler_request.h"

namespace braid {

struct GroupAdd {
  SchedulerRequest request;
};
// The client has left; or its output is complete, for reasons that only the front knows (a stop string, a grammar). The
// group may have ended it already. No outcome follows that was not on its way.
struct GroupAbort {
  RequestId request = 0;
};
struct GroupFinish {
  RequestId request = 0;
};
struct GroupFlush {};
using GroupCommand = std::variant<GroupAdd, GroupAbort, GroupFinish, GroupFlush>;

// How a group stands, told with its outputs.
struct GroupLoad {
  SchedulerStats scheduler;
  Credits credits;
  uint64_t num_commands = 0;  // taken since the start: those that the figures above know of
  uint64_t num_steps = 0;     // since the start, with tokens of this group
  double step_seconds = 0;    // of those steps, all together
};

// One step of a group in figures, for the log.
struct StepShape {
  int64_t num_sequences = 0;
  int64_t num_prefills = 0;
  int64_t num_prompt_tokens = 0;   // computed, of the prefills
  int64_t num_context_tokens = 0;  // of all sequences, up to their last new token
};

struct GroupOutputs {
  std::vector<RequestOutcome> outcomes;
  std::vector<int64_t> flushed_tokens;  // of each GroupFlush, in their order
  std::optional<StepShape> step;        // absent: commands were taken, and no step followed
  GroupLoad load;
};

}  // namespace braid
