// Commands that a process asks node 0 to run on another node, as mpirun does for its daemons there: which agent runs
// them, and who is told how they end. A state machine: it returns what to send.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "braid/wire/process_message.h"
#include "braid/wire/transport/process_link.h"

namespace braid {

class NodeCommands {
 public:
  struct Letter {
    PeerId to;
    ProcessMessage message;
  };

  // `node`: the agent of the node that is asked for; empty: it is not there, and the asker is told so.
  Letter run(const PeerId& asker, const RunOnNode& asked, const PeerId& node);

  // For the asker; nothing if `node` runs no such command.
  std::optional<Letter> end(const PeerId& node, const CommandEnded& ended);

  // The node is gone, and its commands with it: for their askers.
  std::vector<Letter> lose(const PeerId& node);

 private:
  struct Run {
    PeerId asker;
    PeerId node;
  };

  std::map<uint64_t, Run> runs_;
  uint64_t last_id_ = 0;
};

// The agent of a node other than this one; empty if there is no such node or it is not there. `nodes`: by number, with
// a peer each.
template <typename Nodes>
PeerId agent_of(const Nodes& nodes, int32_t node) {
  return node > 0 && node < static_cast<int32_t>(nodes.size()) ? nodes[static_cast<size_t>(node)].peer : PeerId();
}

}  // namespace braid
