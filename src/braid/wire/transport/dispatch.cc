#include "braid/wire/transport/dispatch.h"

#include <utility>

#include "braid/base/check.h"

namespace braid {

Dispatcher::Dispatcher(ControllerLink& link, DispatchMode mode, int32_t num_groups)
    : link_(link), mode_(mode), last_maps_(static_cast<size_t>(num_groups), 0) {}

uint64_t Dispatcher::last_map(int32_t group) const {
  return last_maps_.at(static_cast<size_t>(group));
}

Status Dispatcher::send(std::vector<GroupCommand> commands) {
  if (commands.empty()) return {};
  if (mode_ == DispatchMode::kBroadcast) {
    AssignmentMap map{.sequence = last_maps_.at(0) + 1, .commands = std::move(commands)};
    SharedBytes bytes = encode(map);
    const auto size = static_cast<int64_t>(bytes.size());
    TRY_STATUS(link_.send_to_all(std::move(bytes)));
    for (uint64_t& last : last_maps_) last = map.sequence;
    ++num_maps_;
    num_bytes_ += size;
    num_sent_bytes_ += size * link_.num_receivers();
    return {};
  }
  for (GroupCommand& command : commands) {
    const int32_t group = command.group;
    uint64_t& last = last_maps_.at(static_cast<size_t>(group));
    AssignmentMap map{.sequence = last + 1, .commands = {}};
    map.commands.push_back(std::move(command));
    SharedBytes bytes = encode(map);
    const auto size = static_cast<int64_t>(bytes.size());
    TRY_STATUS(link_.send_to(group, std::move(bytes)));
    last = map.sequence;
    ++num_maps_;
    num_bytes_ += size;
    num_sent_bytes_ += size;
  }
  return {};
}

Result<GroupCommand> AssignmentReader::read(const SharedBytes& map) {
  auto read = decode_assignment(map.span(), group_, limits_);
  if (!read.ok()) return fail("the publisher of group {}: {}", group_, read.error().message);
  GroupAssignment assignment = std::move(read).value();
  if (assignment.sequence != last_map_ + 1) {
    return fail("the publisher of group {}: assignment map {} comes after map {}", group_, assignment.sequence,
                last_map_);
  }
  last_map_ = assignment.sequence;
  return std::move(assignment.command);
}

}  // namespace braid
