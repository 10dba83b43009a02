// `braid rank` under a launcher (mpirun, srun): every process of the job has ranks, and the first one has the front as
// its child. Tested by tests/e2e/test_launched.py and tests/cluster/test_launched.py.
#pragma once

#include "braid/base/result.h"
#include "braid/cli/launched_job.h"
#include "braid/cli/rank_command.h"

namespace braid {

// Returns when the front has ended, with its exit code, or with an error that the front has been told too. The launcher
// owns the processes: a world that fails ends the job, which the launcher may start again.
Result<int> run_launched_rank(const RankFlags& flags, const LaunchedJob& job);

}  // namespace braid
