// `braid bench latency`: one batch, prefilled and then decoded step by step, beside the roofline of the same run.
// Tested by tests/e2e/test_bench.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/bench/latency/batch_run.h"
#include "braid/bench/latency/step_roofline.h"
#include "braid/bench/roofline/roofline.h"

namespace braid {

struct LatencyOptions {
  EngineOptions engine;
  BatchShape shape;  // each of these sizes in turn:
  std::vector<int32_t> batch_sizes = {1};
  int32_t repeats = 5;     // medians are reported
  int32_t busy_loops = 0;  // above 0: compares steps without and beside so many busy loops, instead of the roofline
  bool json = false;
  RooflineEffort roofline;
};

struct LatencyReport {
  double prefill_seconds = 0;      // of all prompts; the prefill's figures are 0 if it was skipped
  double decode_step_seconds = 0;  // mean over a run's decode steps
  double prefill_roofline_seconds = 0;
  double decode_roofline_seconds = 0;  // of one step
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
  double prefill_roofline_fraction = 0;
  double decode_roofline_fraction = 0;
  double prefill_page_faults = 0;  // of all threads, in a run's prefill; mean over the runs after the warm-up
  double decode_page_faults_per_step = 0;
  int32_t num_decode_steps = 0;
  StepWork prefill_work;
  StepWork decode_work;  // of all decode steps of the last run
  Roofline roofline;
};

// Loads the model once and prints a report for each batch size.
Status run_bench_latency(const LatencyOptions& options, std::shared_ptr<Logger> logger, std::FILE* out);

}  // namespace braid
