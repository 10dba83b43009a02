// Strongly connected components (Tarjan, SIAM J. Comput. 1972), without recursion. Tested by
// ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace braid::grammar {

// Nodes are 0 … edges.size() - 1. A component comes after the components that it leads to. A component of one node is a
// cycle only if the node leads to itself.
std::vector<std::vector<int32_t>> strong_components(const std::vector<std::vector<int32_t>>& edges);

}  // namespace braid::grammar
