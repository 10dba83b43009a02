// `braid bench idle`: what an engine without work costs, and how much later its first token comes after it has slept.
// Tested by tests/e2e/test_bench.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/base/result.h"

namespace braid {

struct IdleOptions {
  EngineOptions engine;
  double idle_s = 5;     // while processor time is counted
  double pause_s = 0.5;  // before each request after a pause
  int32_t repeats = 30;
  int32_t input_len = 16;
  bool json = false;
};

struct IdleReport {
  int32_t num_ranks = 1;
  double core_share = 0;     // of one core, over all threads of the process, without requests
  double at_once_s = 0;      // to the first token of a request right after another; medians
  double after_pause_s = 0;  // to the first token of a request after a pause; medians
  double later_s() const { return after_pause_s - at_once_s; }
};

Result<IdleReport> measure_idle(const IdleOptions& options, std::shared_ptr<Logger> logger);

Status run_bench_idle(const IdleOptions& options, std::shared_ptr<Logger> logger, std::FILE* out);

}  // namespace braid
