// What the controller has for its groups, made up into assignment maps.
#pragma once

#include <vector>

#include "braid/controller/controller.h"
#include "braid/wire/group_command.h"

namespace braid {

// Prompt tokens of one map, unless one command alone has more: a message's size is bounded, however many groups and
// however long prompts that many share.
inline constexpr int64_t kMaxMapTokens = int64_t{1} << 24;

// All commands since the last call, as the maps to send one after another: each holds at most one command a group, in
// ascending order, as Dispatcher::send takes them. One map usually; none if there are no commands.
std::vector<std::vector<GroupCommand>> take_assignments(Controller& controller, int64_t max_map_tokens = kMaxMapTokens);

}  // namespace braid
