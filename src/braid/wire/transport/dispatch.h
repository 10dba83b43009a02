// Sends commands over a link as numbered maps; the receiver checks the numbers. Tested by link_test.cc.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/assignment_map_codec.h"
#include "braid/wire/transport/link.h"

namespace braid {

enum class DispatchMode : uint8_t {
  kBroadcast,  // one buffer with all commands to all publishers; each takes its part
  kDirect,     // each publisher gets only its own commands
};
Result<DispatchMode> parse_dispatch_mode(std::string_view name);  // "broadcast", "direct"
std::string_view dispatch_mode_name(DispatchMode mode);

class Dispatcher {
 public:
  Dispatcher(ControllerLink& link, DispatchMode mode, int32_t num_groups);

  // At most one command for each group, groups ascending. Sends nothing if there are none.
  Status send(std::vector<GroupCommand> commands);

  uint64_t num_maps() const { return num_maps_; }             // maps that were encoded
  int64_t num_bytes() const { return num_bytes_; }            // of these maps, each counted once
  int64_t num_sent_bytes() const { return num_sent_bytes_; }  // counted once for each receiver
  uint64_t last_map(int32_t group) const;                     // the number of the last map sent to the group

 private:
  ControllerLink& link_;
  const DispatchMode mode_;
  std::vector<uint64_t> last_maps_;  // of each group; equal when broadcasting
  uint64_t num_maps_ = 0;
  int64_t num_bytes_ = 0;
  int64_t num_sent_bytes_ = 0;
};

// A publisher's end: reads its commands in the order they were sent.
class AssignmentReader {
 public:
  AssignmentReader(int32_t group, const AssignmentLimits& limits) : group_(group), limits_(limits) {}

  // An error names the group. It is also an error if an earlier map is missing or this one arrives twice.
  Result<GroupCommand> read(const SharedBytes& map);
  uint64_t last_map() const { return last_map_; }

 private:
  const int32_t group_;
  const AssignmentLimits limits_;
  uint64_t last_map_ = 0;
};

}  // namespace braid
