// Long prompts that arrive among requests which decode: how much longer their tokens are in coming, beside the time of
// one chunk of such a prompt and a step.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/serving/client.h"
#include "braid/bench/serving/report.h"
#include "braid/bench/serving/workload.h"

namespace braid::serving {

struct LongPromptOptions {
  int32_t count = 0;  // 0: none
  int32_t len = 4096;
  double rate = 0.5;  // Poisson arrivals a second, from when all other requests decode; infinity: all at once
};

// Random ids, `count` of them, each for one token.
std::vector<Prompt> make_long_prompts(const WorkloadOptions& workload, int32_t count, int32_t len, uint64_t seed);

// Where the last whole chunk of a prompt of `len` begins and ends: the longest of its chunks, as each attends to all
// before it. `shorter` is 0 where that is the first one.
struct ChunkEnds {
  int32_t shorter = 0;
  int32_t longer = 0;
};
ChunkEnds last_chunk(int32_t len, int32_t chunk_len);

// Seconds that a server without other work takes for that chunk, the median of three: until the first token of a prompt
// whose earlier chunks are in its prefix cache. Nothing where they were not. An error if a request fails.
Result<std::optional<double>> measure_chunk(const LoadOptions& load, const WorkloadOptions& workload, int32_t len,
                                            int32_t chunk_len);

// `steady_step_ms`: of a step that only decodes. `chunk_s`: absent where it could not be measured.
LongPromptReport report_long_prompts(std::span<const RequestTimes> requests, std::span<const RequestTimes> long_prompts,
                                     const LongPromptOptions& options, double steady_step_ms,
                                     std::optional<double> chunk_s);

}  // namespace braid::serving
