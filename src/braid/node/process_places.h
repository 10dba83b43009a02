// Which node has which process of a world, and with how many ranks. Pure. Tested by process_places_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/topology.h"

namespace braid {

struct ProcessPlace {
  int32_t node = 0;
  int32_t num_ranks = 1;
  bool operator==(const ProcessPlace&) const = default;
};

// The processes of each world, in order of their ranks. Ranks fill the nodes in order. `ranks_on_node`: of each node,
// of all worlds together. `ranks_per_process`: at most; 0: a world's ranks on a node are one process. An error if the
// numbers do not add up to those of the layout.
Result<std::vector<std::vector<ProcessPlace>>> place_processes(const ParallelLayout& layout,
                                                               std::span<const int32_t> ranks_on_node,
                                                               int32_t ranks_per_process);

// Of each node, once the node `front` has taken over from node 0: it has node 0's ranks, too, and stands first, in the
// place of node 0. `front` 0: as they are.
std::vector<int32_t> ranks_with_front(std::span<const int32_t> ranks_on_node, int32_t front);

// Of each node, while the ranks are on these alone (`is_in`, by node, at least one): each keeps its own number, and
// takes of the others' what makes it the least fuller than it was; ties go to the lower node. Where whole groups of
// `attn_tp_size` ranks were on every node, they still are.
std::vector<int32_t> ranks_on_fewer_nodes(std::span<const int32_t> ranks_on_node, const std::vector<bool>& is_in,
                                          int32_t attn_tp_size);

// The names of the memories that a node keeps for the next start of its ranks (kept_memory_name, kept_weights_name).
std::vector<std::string> kept_memory_names(std::span<const std::vector<ProcessPlace>> worlds, int32_t node);

// "3,1": positive numbers. The error names the flag.
Result<std::vector<int32_t>> parse_counts(std::string_view flag, const std::string& text);
std::string counts_text(std::span<const ProcessPlace> processes);  // of their ranks

}  // namespace braid
