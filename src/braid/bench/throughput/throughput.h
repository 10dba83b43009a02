// `braid bench throughput`: many requests through the whole engine, as fast as it can. Tested by
// tests/e2e/test_bench.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/base/result.h"

namespace braid {

struct ThroughputOptions {
  EngineOptions engine;
  int32_t num_prompts = 64;
  int32_t input_len = 512;
  int32_t output_len = 128;
  uint64_t seed = 0;
  bool json = false;
};

struct ThroughputReport {
  double seconds = 0;
  double step_seconds = 0;  // of `seconds`, inside the model's steps; the rest is scheduling, text and waiting
  uint64_t num_steps = 0;
  double total_tokens_per_s = 0;
  double output_tokens_per_s = 0;
  int32_t num_groups = 1;
  double balance_ratio = 1;  // of the groups' tokens (controller/step_balance.h)
};

// Loads the engine without a prefix cache, and runs one request of full length to commit memory and wake the threads.
Result<std::unique_ptr<Engine>> load_for_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger);

// Random token ids, all requests at once, each to its full length.
Status run_random_requests(const ThroughputOptions& options, Engine& engine);

Result<ThroughputReport> measure_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger);

Status run_bench_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger, std::FILE* out);

}  // namespace braid
