// The controller's commands to the DP groups, and the map that carries the commands for all groups. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"
#include "braid/wire/move.h"

namespace braid {

struct GroupCommand {
  int32_t group = 0;                        // attn_dp_rank
  std::vector<SchedulerRequest> add;        // in order of arrival
  std::vector<MovingSequence> arrive = {};  // from other groups
  std::vector<RequestId> abort;             // their clients have left
  std::vector<RequestId> finish;  // the front found their end (a stop string); tokens drawn meanwhile are discarded
  std::vector<DepartOrder> depart = {};  // to other groups, if still there and already decoding
  bool flush_cache = false;
  std::optional<bool> is_paused = {};  // from now on; absent: as before. A paused group begins no step
  bool tell_prefixes = false;          // the next outputs have a whole digest of the prefix cache: one was lost

  // The number of items in the command. They are carried out in the order of these fields.
  uint64_t size() const {
    return add.size() + arrive.size() + abort.size() + finish.size() + depart.size() + (flush_cache ? 1 : 0) +
           (is_paused ? 1 : 0) + (tell_prefixes ? 1 : 0);
  }
  bool is_empty() const { return size() == 0; }
  int64_t num_prompt_tokens() const {
    int64_t total = 0;
    for (const SchedulerRequest& request : add) total += static_cast<int64_t>(request.prompt.size());
    for (const auto& [move, sequence] : arrive) total += static_cast<int64_t>(sequence.request.prompt.size());
    return total;
  }
  bool operator==(const GroupCommand&) const = default;
};

struct AssignmentMap {
  uint64_t sequence = 0;               // numbers the maps to one receiver from 1, so that it notices a lost one
  std::vector<GroupCommand> commands;  // at most one for each group, groups ascending

  bool operator==(const AssignmentMap&) const = default;
};

}  // namespace braid
