#include "braid/controller/assignments.h"

#include <algorithm>
#include <utility>

namespace braid {

std::vector<std::vector<GroupCommand>> take_assignments(Controller& controller, int64_t max_map_tokens) {
  std::vector<std::vector<GroupCommand>> by_group;
  size_t num_rounds = 0;  // of a command of each group
  for (int32_t group = 0; group < controller.num_groups(); ++group) {
    by_group.push_back(controller.take_commands(group));
    num_rounds = std::max(num_rounds, by_group.back().size());
  }
  std::vector<std::vector<GroupCommand>> maps;
  for (size_t round = 0; round < num_rounds; ++round) {
    int64_t map_tokens = 0;
    bool is_open = false;
    for (size_t group = 0; group < by_group.size(); ++group) {
      if (round >= by_group[group].size()) continue;
      GroupCommand& command = by_group[group][round];
      command.group = static_cast<int32_t>(group);
      const int64_t num_tokens = command.num_prompt_tokens();
      if (!is_open || map_tokens + num_tokens > max_map_tokens) {
        maps.emplace_back();
        map_tokens = 0;
        is_open = true;
      }
      map_tokens += num_tokens;
      maps.back().push_back(std::move(command));
    }
  }
  return maps;
}

}  // namespace braid
