// Where a publisher finds its group's commands: assignment maps come over its link, and it verifies each, sees that
// none is missing and takes its own part.
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
  // `group`: of all groups, as the maps number them.
  GroupInbox(std::unique_ptr<PublisherLink> link, int32_t group, const AssignmentLimits& limits)
      : link_(std::move(link)), reader_(group, limits) {}

  // All that has come, in its order, without waiting. After an error, which names the group, nothing more can be taken.
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

// What one map may hold for a group: it is given no more requests than its credits, and sequences from other groups
// beyond them, and each ends once.
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
