// Long prompts that arrive while other requests decode: how much longer the others then wait for their tokens, compared
// with the time of one chunk of the prompt and a step. measure_chunk is tested by client_test.cc.
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
  double rate = 0.5;  // Poisson arrivals per second, once all other requests decode; infinity: all at once
};

// `count` prompts of random ids, for one token each.
std::vector<Prompt> make_long_prompts(const WorkloadOptions& workload, int32_t count, int32_t len, uint64_t seed);

// Where the last whole chunk of a prompt of `len` starts and ends. It takes the longest, since each chunk attends to
// all before it. `shorter` is 0 if it is the first chunk.
struct ChunkEnds {
  int32_t shorter = 0;
  int32_t longer = 0;
};
ChunkEnds last_chunk(int32_t len, int32_t chunk_len);

// Seconds that an otherwise idle server takes for that chunk, the median of three: the time to the first token of a
// prompt whose earlier chunks are in the prefix cache. Nothing if they were not. An error if a request fails.
Result<std::optional<double>> measure_chunk(const LoadOptions& load, const WorkloadOptions& workload, int32_t len,
                                            int32_t chunk_len);

// `steady_step_ms`: a step that only decodes. `chunk_s`: absent if it could not be measured.
LongPromptReport report_long_prompts(std::span<const RequestTimes> requests, std::span<const RequestTimes> long_prompts,
                                     const LongPromptOptions& options, double steady_step_ms,
                                     std::optional<double> chunk_s);

}  // namespace braid::serving
