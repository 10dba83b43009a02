// `braid rank`: a process with ranks of one world, and `braid node-run`, which starts it on another node. A front
// starts both. Tested by tests/e2e/test_rank_processes.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

struct RankFlags {
  ServeFlags serve;  // those of the model and its ranks count
  std::string front;
  int32_t world = 0;
  int32_t num_restarts = 0;
  std::string process_ranks;  // of each process of the world
  std::string identity;
};

Result<int> run_rank(const RankFlags& flags);

struct NodeRunFlags {
  std::string front_file;
  std::string cluster_key_file;
  int32_t world = 0;
  std::vector<std::string> words;  // the node's name, and the command
};

Result<int> run_node_run(const NodeRunFlags& flags);

}  // namespace braid
