// `braid serve --node-rank N` on a node other than node 0: an agent that starts what node 0 asks for. Tested by
// tests/cluster.
#pragma once

#include <optional>

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

// Until it is told to end. Returns what the engine of this node's front is to be if node 0 is gone, and this node
// stands by for it.
Result<std::optional<EngineOptions>> run_node(const ServeFlags& flags, const EngineOptions& engine);

}  // namespace braid
