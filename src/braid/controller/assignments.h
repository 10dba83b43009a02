// Turns the controller's pending commands into assignment maps.
#pragma once

#include <vector>

#include "braid/controller/controller.h"
#include "braid/wire/group_command.h"

namespace braid {

// The most prompt tokens in one map, unless a single command has more. Bounds a message's size for any number of groups
// and any length of their prompts.
inline constexpr int64_t kMaxMapTokens = int64_t{1} << 24;

// All commands since the last call, as maps to send in this order. Each map holds at most one command per group, in
// ascending order of groups, as Dispatcher::send requires. Usually one map; none if there are no commands.
std::vector<std::vector<GroupCommand>> take_assignments(Controller& controller, int64_t max_map_tokens = kMaxMapTokens);

}  // namespace braid
