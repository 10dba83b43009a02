// What a DP group tells the controller after each step: what became of its requests, and how much it has to do. Plain
// data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/request_outcome.h"
#include "braid/wire/group_load.h"
#include "braid/wire/move.h"

namespace braid {

// Which prefixes a group has in its cache, as hashes: one for each page, of all tokens up to its end. What changed
// since the group's last outputs, or all of them.
struct PrefixDigest {
  bool is_whole = false;  // `added` is all there is
  std::vector<uint64_t> added;
  std::vector<uint64_t> removed;

  bool operator==(const PrefixDigest&) const = default;
};

// One step of a group in figures, for the log.
struct StepShape {
  uint64_t step = 0;
  int64_t num_sequences = 0;
  int64_t num_prefills = 0;
  int64_t num_prompt_tokens = 0;   // computed, of the prefills
  int64_t num_context_tokens = 0;  // of all sequences, up to their last new token

  bool operator==(const StepShape&) const = default;
};

struct GroupOutputs {
  int32_t group = 0;
  uint64_t sequence = 0;  // counts this group's outputs, from 1, so that the controller sees when some are lost
  std::vector<RequestOutcome> outcomes;
  std::vector<MovingSequence> departed = {};  // their pages are copied out
  std::vector<int64_t> flushed_tokens;        // of each command to flush, in their order
  std::optional<StepShape> step;              // absent: commands were taken, and no step followed
  GroupLoad load;
  PrefixDigest prefixes;
  std::string error;  // not empty: the group's world has ended, and why

  bool operator==(const GroupOutputs&) const = default;
};

}  // namespace braid
