// `braid serve --node-rank N` on a node other than node 0: an agent that starts what node 0 asks for. Tested by
// tests/cluster.
#pragma once

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

Result<int> run_node(const ServeFlags& flags, const EngineOptions& engine);

}  // namespace braid
