// The first thing that the processes of a world do together: each says who it is, and all see that they fit. Tested by
// process_join_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "braid/base/result.h"
#include "braid/parallel/padding.h"
#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct JoinOptions {
  ParallelLayout layout;
  int32_t num_ranks = 1;  // that this process has, from 1
  // What decides which operations the ranks call, and with how many bytes.
  DpPadding padding = {};
  DType exchange_dtype = DType::kFloat32;
  std::string identity;   // one line: what else must be the same in all processes, such as program, model and flags
  double timeout_s = 60;  // for all processes to come
};

// Which process has which ranks. All processes of the port call it at once. Errors, the same in all processes that
// came: another encoding of messages, another layout or identity, or numbers of ranks that do not add up to tp_size;
// and a process that does not come, after which the port is given up.
Result<RankSpread> join_processes(ProcessPort& port, const JoinOptions& options);

}  // namespace braid
