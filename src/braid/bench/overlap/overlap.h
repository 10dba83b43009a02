// `braid bench overlap`: steps of a model whose ranks are in several processes, computed whole and in two halves of
// which one travels while the other one is computed. Tested by tests/e2e/test_mpi.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/base/result.h"

namespace braid {

struct OverlapOptions {
  EngineOptions engine;
  std::vector<int32_t> token_sizes;  // of each group, in one step
  int32_t repeats = 5;               // medians are reported
  bool json = false;
};

// One rank of each process of the MPI job that it is called in, or as many as there are ranks for it. The first process
// prints the report.
Status run_bench_overlap(const OverlapOptions& options, std::shared_ptr<Logger> logger, std::FILE* out);

}  // namespace braid
