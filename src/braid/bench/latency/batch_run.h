// One batch of random prompts, prefilled and then decoded step by step on all ranks, each step timed. The scheduler and
// the prefix cache have no part in it. Tested by tests/e2e/test_bench.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/latency/step_roofline.h"
#include "braid/worker/rank_set.h"

namespace braid {

struct BatchShape {
  int32_t batch_size = 1;
  int32_t input_len = 512;  // tokens of each prompt
  int32_t output_len = 32;  // of each sequence; the first comes from the prefill
  uint64_t seed = 0;
  bool in_halves = false;     // WorldStep::in_halves
  bool skip_prefill = false;  // decode after prompts whose keys and values are zeros, not computed
};

// The steps of one kind in a run.
struct PhaseRun {
  std::vector<double> step_seconds;
  int64_t page_faults = 0;  // of all threads
  StepWork work;            // of all steps

  double seconds() const;
};

struct BatchRun {
  PhaseRun prefill;  // no steps if it is skipped
  PhaseRun decode;
};

// Whether the context and the KV pools hold the batch.
Status check_room(const BatchShape& shape, const RankSet& ranks);

// All prompts are prefilled before the first decode step. Measured on the first rank; all ranks of a world take equally
// long. `products`: for the steps' work.
Result<BatchRun> run_batch(const BatchShape& shape, RankSet& ranks, std::span<const WeightProduct> products);

}  // namespace braid
