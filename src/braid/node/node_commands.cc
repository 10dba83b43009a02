#include "braid/node/node_commands.h"

#include <fmt/format.h>

#include <utility>

namespace braid {

NodeCommands::Letter NodeCommands::run(const PeerId& asker, const RunOnNode& asked, const PeerId& node) {
  if (node.empty()) {
    return {
        .to = asker,
        .message = CommandEnded{.id = 0, .exit_code = 127, .ending = fmt::format("node {} is not there", asked.node)}};
  }
  runs_[++last_id_] = {.asker = asker, .node = node};
  return {.to = node, .message = RunCommand{.id = last_id_, .world = asked.world, .command = asked.command}};
}

std::optional<NodeCommands::Letter> NodeCommands::end(const PeerId& node, const CommandEnded& ended) {
  const auto found = runs_.find(ended.id);
  if (found == runs_.end() || found->second.node != node) return std::nullopt;
  Letter letter{.to = std::move(found->second.asker), .message = ended};
  runs_.erase(found);
  return letter;
}

std::vector<NodeCommands::Letter> NodeCommands::lose(const PeerId& node) {
  std::vector<Letter> letters;
  std::erase_if(runs_, [&](const auto& entry) {
    const auto& [id, run] = entry;
    if (run.node != node) return false;
    letters.push_back(
        {.to = run.asker, .message = CommandEnded{.id = id, .exit_code = 255, .ending = "its node is gone"}});
    return true;
  });
  return letters;
}

}  // namespace braid
