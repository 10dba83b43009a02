// What a process is given for its ranks before anything is loaded: the layout, where each rank runs, and the transport
// between them.
//
// Tested by rank_set_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/parallel/rank_placement.h"
#include "braid/parallel/rank_transport.h"
#include "braid/parallel/topology.h"
#include "braid/worker/rank_options.h"

namespace braid {

struct ProcessRanks {
  ParallelLayout layout;         // its head_parallel is the transport's
  std::vector<RankCpus> places;  // of each rank, world by world
  int32_t threads_per_rank = 1;
  bool ranks_share_cpus = false;  // there are more ranks than CPUs
  std::shared_ptr<const RankTransport> transport;
};

// Errors name the flag, its value and what is allowed.
Status check_rank_options(const RankOptions& options, const ModelConfig& config);

// All ranks of the options' layout in this process, on its CPUs. The options are checked.
Result<ProcessRanks> place_in_one_process(const RankOptions& options, std::shared_ptr<const RankTransport> transport);

}  // namespace braid
