// Assignments over a link: commands become numbered maps, and what arrives is held to its numbers. Tested by
// link_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/assignment_map_codec.h"
#include "braid/wire/transport/dispatch_mode.h"
#include "braid/wire/transport/link.h"

namespace braid {

class Dispatcher {
 public:
  Dispatcher(ControllerLink& link, DispatchMode mode, int32_t num_groups);

  // At most one command a group, groups ascending. Nothing is sent for none.
  Status send(std::vector<GroupCommand> commands);

  uint64_t num_maps() const { return num_maps_; }             // messages that were made
  int64_t num_bytes() const { return num_bytes_; }            // of those, each counted once
  int64_t num_sent_bytes() const { return num_sent_bytes_; }  // counted once a receiver
  uint64_t last_map(int32_t group) const;                     // the number of the last one that the group got

 private:
  ControllerLink& link_;
  const DispatchMode mode_;
  std::vector<uint64_t> last_maps_;  // of each group; equal in a broadcast
  uint64_t num_maps_ = 0;
  int64_t num_bytes_ = 0;
  int64_t num_sent_bytes_ = 0;
};

// A publisher's end: its commands, in the order they were sent.
class AssignmentReader {
 public:
  // `last_map`: the number of the last one that was sent to the group before this publisher joined.
  AssignmentReader(int32_t group, const AssignmentLimits& limits, uint64_t last_map = 0)
      : group_(group), limits_(limits), last_map_(last_map) {}

  // An error, which names the group, also when maps before this one did not arrive, or it arrives again.
  Result<GroupCommand> read(const SharedBytes& map);
  uint64_t last_map() const { return last_map_; }

 private:
  const int32_t group_;
  const AssignmentLimits limits_;
  uint64_t last_map_;
};

}  // namespace braid
