// AssignmentMaps as bytes (FlatBuffers, assignment_map.fbs). The controller sends them to the groups' publishers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/wire/group_command.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

// The limits of a map; both ends know them from the start.
struct AssignmentLimits {
  int64_t max_bytes = int64_t{1} << 30;
  int32_t num_groups = 1;
  int32_t max_requests = 0;  // new requests for one group
  int32_t max_ended = 0;     // aborts for one group, and as many finishes
  int64_t max_prompt_len = 0;
  int64_t context_len = 0;  // prompt and output of a sequence that moves
  int32_t max_moves = 0;    // from one group; as many may come to it, beside max_requests that go on after a loss
  int32_t vocab_size = 0;
};

SharedBytes encode(const AssignmentMap& map);

// A map's content for one group.
struct GroupAssignment {
  uint64_t sequence = 0;
  GroupCommand command;  // empty if the map has nothing for the group

  bool operator==(const GroupAssignment&) const = default;
};

// Returns the part of `group`, in [0, num_groups), or an error that names the first thing that is wrong with it.
// Nothing is read before it is verified. The other groups' parts are neither verified nor read.
Result<GroupAssignment> decode_assignment(std::span<const std::byte> bytes, int32_t group,
                                          const AssignmentLimits& limits);

}  // namespace braid
