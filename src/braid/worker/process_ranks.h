// What a process is given for its ranks before anything is loaded: the layout, which ranks it has, where each of them
// runs, and the transport between all.
//
// Tested by rank_set_test.cc and rank_processes_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/kernels/isa.h"
#include "braid/parallel/rank_placement.h"
#include "braid/parallel/rank_transport.h"
#include "braid/parallel/topology.h"
#include "braid/worker/rank_options.h"

namespace braid {

struct ProcessRanks {
  ParallelLayout layout;         // its head_parallel is the transport's
  IndexRange own;                // of this process, among the ranks of all worlds
  std::vector<RankCpus> places;  // of each own rank
  int32_t ranks_on_host = 1;     // of all processes that share this host's memory and CPUs
  int32_t threads_per_rank = 1;
  bool ranks_share_cpus = false;   // there are more ranks than CPUs
  CpuIsa isa = CpuIsa::kPortable;  // the best that all processes have, unless the options name one
  std::shared_ptr<const RankTransport> transport;

  int32_t num_own() const { return static_cast<int32_t>(own.end - own.begin); }
};

// Errors name the flag, its value and what is allowed.
Status check_rank_options(const RankOptions& options, const ModelConfig& config);

// The transport's own ranks of the options' layout. Processes of one host that may use the same CPUs share these out.
// The options are checked. All processes call it at once.
Result<ProcessRanks> place_own_ranks(const RankOptions& options, std::shared_ptr<const RankTransport> transport);

}  // namespace braid
