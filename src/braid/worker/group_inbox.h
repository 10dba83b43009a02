// A group publisher's incoming commands. Assignment maps come over its link; it verifies each, checks that none is
// missing, and takes its group's part. Tested by world_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/transport/dispatch.h"
#include "braid/wire/transport/link.h"

namespace braid {

class GroupInbox {
 public:
  // `group`: its number among all groups, as in the maps. `last_map`: as AssignmentReader's.
  GroupInbox(std::unique_ptr<PublisherLink> link, int32_t group, const AssignmentLimits& limits, uint64_t last_map = 0)
      : link_(std::move(link)), reader_(group, limits, last_map) {}

  // All commands that have arrived, in order, without waiting. After an error, which names the group, the inbox is
  // unusable.
  Result<std::vector<GroupCommand>> take() {
    std::vector<GroupCommand> commands;
    while (true) {
      TRY(const std::optional<SharedBytes> map, link_->receive(0));
      if (!map) return commands;
      TRY(GroupCommand command, reader_.read(*map));
      if (!command.is_empty()) commands.push_back(std::move(command));
    }
  }

 private:
  std::unique_ptr<PublisherLink> link_;
  AssignmentReader reader_;
};

// The most that one map may hold for a group: requests within its credits, sequences from other groups beyond them, and
// one end for each.
inline AssignmentLimits assignment_limits(const SchedulerConfig& group, int32_t num_groups, int64_t vocab_size) {
  return {.num_groups = num_groups,
          .max_requests = group.max_running_requests,
          .max_ended = group.max_running_requests + kMaxMovesUnderWay,
          .max_prompt_len = group.context_len,
          .context_len = group.context_len,
          .max_moves = kMaxMovesUnderWay,
          .vocab_size = static_cast<int32_t>(vocab_size)};
}

}  // namespace braid
