// `braid rank`: a process with ranks of one world, and `braid node-run`, which starts it on another node. A front
// starts both; without --front, `braid rank` is a process of a launcher's job (launched_rank.h). Tested by
// tests/e2e/test_rank_processes.py and tests/e2e/test_launched.py.
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
  std::string kept_key;
  std::string not_launched;  // the first flag given that only a process of a front may have; empty: none
};

Result<int> run_rank(const RankFlags& flags);

// MPI's shared memory between processes of a host is a file of each of them, which stays when they are killed. It goes
// into this folder, which is looked after; null: where MPI wants. Call before any thread starts, and before open_mpi().
void keep_shared_memory_in(const char* folder);

struct NodeRunFlags {
  std::string front_file;
  std::string cluster_key_file;
  int32_t world = 0;
  std::vector<std::string> words;  // the node's name, and the command
};

Result<int> run_node_run(const NodeRunFlags& flags);

}  // namespace braid
