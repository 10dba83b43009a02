// `braid bench planning`: what deciding a step costs when the prefix cache holds many prompts and many requests run,
// compared with how long a step takes. It needs no model: tokens are drawn at random.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Lengths in tokens. A prompt is one of num_prefixes prefixes of length prefix_len, plus up to prompt_len - prefix_len
// tokens of its own (at least a quarter of that). A request then generates 1 to output_len tokens.
struct PlanningOptions {
  int32_t cached_prompts = 10'000;
  int32_t running = 512;
  int32_t waiting = 256;  // in the queue at every step
  int32_t num_prefixes = 100;
  int32_t prefix_len = 256;
  int32_t prompt_len = 1024;
  int32_t output_len = 1024;
  int32_t page_size = 16;
  int32_t chunked_prefill_size = 512;
  int32_t steps = 2000;     // measured steps
  int32_t held_steps = 32;  // length of a series of steps in which a prompt is held
  double step_ms = 30;      // the step time that the figures are compared with
  uint64_t seed = 1;
  bool json = false;
};

// The times of one part of planning a step, over the measured steps.
struct PlanningPart {
  std::string_view name;
  double median_us = 0;
  double p99_us = 0;
  double longest_us = 0;
};

struct PlanningReport {
  int64_t num_pages = 0;       // of the pool
  double mean_running = 0;     // requests that hold pages, over the measured steps
  double mean_prompts = 0;     // requests that started, per step
  double prefix_hit_rate = 0;  // share of the prompts' tokens found in the cache
  int64_t num_preemptions = 0;
  std::vector<PlanningPart> parts;  // "queue", "take", "plan", "commit", "all" (these together), "view", "plan, held"

  const PlanningPart& part(std::string_view name) const;
};

// Returns an error if the options do not fit together.
Result<PlanningReport> measure_planning(const PlanningOptions& options);

Status run_bench_planning(const PlanningOptions& options, std::FILE* out);

}  // namespace braid
