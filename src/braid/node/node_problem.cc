#include "braid/node/node_problem.h"

#include <fmt/format.h>

namespace braid {

std::string node_problem(const NodeHello& hello, int32_t num_nodes, std::string_view identity) {
  if (hello.num_nodes != num_nodes) {
    return fmt::format("node {} on {} is for {} nodes (--nnodes), node 0 for {}", hello.node, hello.host,
                       hello.num_nodes, num_nodes);
  }
  if (hello.identity != identity) {
    return fmt::format("node {} on {} has \"{}\", node 0 has \"{}\"", hello.node, hello.host, hello.identity, identity);
  }
  return {};
}

}  // namespace braid
