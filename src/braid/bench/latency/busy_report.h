// What busy loops beside it cost a batch: rates and times of steps, without and beside them. Pure arithmetic. Tested by
// busy_report_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "braid/bench/latency/batch_run.h"
#include "braid/formats/json.h"

namespace braid {

// Of one kind of step, over all turns.
struct StepFigures {
  double tokens_per_s = 0;  // median over the turns
  double p50_s = 0;         // of a step's time
  double p99_s = 0;
  double worst_s = 0;
};

struct BusyReport {
  struct Phase {
    int64_t num_steps = 0;  // in each of the two conditions; 0: not measured
    StepFigures quiet;
    StepFigures busy;
    double ratio() const { return busy.tokens_per_s / quiet.tokens_per_s; }
  };
  BatchShape shape;
  int32_t num_loops = 0;
  Phase prefill;
  Phase decode;
};

// `quiet` and `busy`: as many runs of the batch each, at least one.
BusyReport busy_report(const BatchShape& shape, int32_t num_loops, std::span<const BatchRun> quiet,
                       std::span<const BatchRun> busy);

Json to_json(const BusyReport& report);
std::string table_of(const BusyReport& report);

}  // namespace braid
