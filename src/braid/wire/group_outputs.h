// What a DP group reports to the controller after each step: what became of its requests, and its load. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/prefix_digest.h"
#include "braid/request/request_outcome.h"
#include "braid/wire/group_load.h"
#include "braid/wire/move.h"

namespace braid {

// One step of a group in figures, for the log.
struct StepShape {
  uint64_t step = 0;
  int64_t num_sequences = 0;
  int64_t num_prefills = 0;
  int64_t num_prompt_tokens = 0;   // computed by the prefills
  int64_t num_context_tokens = 0;  // of all sequences, up to their last new token
  int64_t num_prefill_pairs = 0;   // of the prefills' tokens with each of the positions before them

  bool operator==(const StepShape&) const = default;
};

struct GroupOutputs {
  int32_t group = 0;
  uint64_t sequence = 0;  // numbers this group's outputs from 1, so that the controller notices lost ones
  std::vector<RequestOutcome> outcomes;
  std::vector<MovingSequence> departed = {};  // all their pages were copied out
  std::vector<RequestId> stayed = {};         // ordered to depart, but had ended or not begun: they will not
  std::vector<int64_t> flushed_tokens;        // for each flush command, in order
  std::optional<StepShape> step;              // absent: commands were taken, but no step followed
  GroupLoad load;
  PrefixDigest prefixes;  // the group's first outputs have a whole one
  std::string error;      // not empty: why the group's world has ended

  bool operator==(const GroupOutputs&) const = default;
};

}  // namespace braid
