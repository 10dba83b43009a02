// What launchers of MPI jobs (mpirun, srun) tell the processes that they start: which one of how many it is. They say
// it in the environment, which is known before MPI is. Pure. Tested by launched_job_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/parallel/topology.h"

namespace braid {

struct LaunchedJob {
  int32_t process = 0;  // this one
  int32_t num_processes = 1;
  bool is_on_one_host = false;  // all of them, as far as the launcher says
};

// `environment` returns a variable's value, empty if it is not set. Absent: no launcher has started this process.
// Errors name the variable.
Result<std::optional<LaunchedJob>> launched_job(FunctionRef<std::string(const char*)> environment);

// How many ranks each process of the job has: `given` ("3,1"), or all the same if that is empty. The error says what is
// allowed.
Result<std::vector<int32_t>> ranks_of_processes(const ParallelLayout& layout, int32_t num_processes,
                                                const std::string& given);

}  // namespace braid
