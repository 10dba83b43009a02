#include "braid/controller/assignments.h"

#include <algorithm>
#include <utility>

namespace braid {

std::vector<std::vector<GroupCommand>> take_assignments(Controller& controller, int64_t max_map_tokens) {
  const std::vector<int32_t> addressed = controller.take_addressed();
  std::vector<std::vector<GroupCommand>> by_group;  // of those
  size_t num_rounds = 0;                            // of a command of each group
  for (const int32_t group : addressed) {
    by_group.push_back(controller.take_commands(group));
    num_rounds = std::max(num_rounds, by_group.back().size());
  }
  std::vector<std::vector<GroupCommand>> maps;
  for (size_t round = 0; round < num_rounds; ++round) {
    int64_t map_tokens = 0;
    bool is_open = false;
    for (size_t i = 0; i < by_group.size(); ++i) {
      if (round >= by_group[i].size()) continue;
      GroupCommand& command = by_group[i][round];
      command.group = addressed[i];
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
