// `braid bench exchange --transport mpi`: the exchange between the processes of an MPI job, beside what MPI and memory
// do in the same run. Tested by tests/e2e/test_mpi.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/exchange/exchange.h"
#include "braid/parallel/process_port.h"

namespace braid {

// Every process sends the same number of bytes to every other: seconds, median.
struct JobSendFigures {
  int64_t bytes = 0;
  double world_seconds = 0;  // all_gather() of a world with one rank in each process
  double port_seconds = 0;   // MPI_Isend and MPI_Irecv, tested without rest
  double copy_seconds = 0;   // memcpy of the bytes that a process receives
};

// Every process hands as many bytes over to the next, in parts as pages of requests that move: seconds, median.
struct HandOverFigures {
  int64_t bytes = 0;
  double seconds = 0;       // with nothing else to do, until what came from the one before is taken
  double port_seconds = 0;  // as above
};

struct JobFigures {
  std::vector<JobSendFigures> sends;
  std::vector<HandOverFigures> hand_overs;
};

// All processes call it.
Result<JobFigures> measure_job(std::shared_ptr<ProcessPort> port, int32_t repeats);

// The first process prints.
Status run_bench_job_exchange(const ExchangeBenchOptions& options, std::FILE* out);

}  // namespace braid
