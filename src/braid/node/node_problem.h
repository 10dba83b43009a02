// Why a node does not fit node 0. Pure. Tested by node_problem_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "braid/wire/process_message.h"

namespace braid {

// Empty: it fits. `num_nodes` and `identity` are node 0's.
std::string node_problem(const NodeHello& hello, int32_t num_nodes, std::string_view identity);

}  // namespace braid
