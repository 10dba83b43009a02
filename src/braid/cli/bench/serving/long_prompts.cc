#include "braid/cli/bench/serving/long_prompts.h"

#include <algorithm>
#include <limits>

#include "braid/cli/bench/serving/token_gaps.h"
#include "braid/cli/bench/timing.h"

namespace braid::serving {
namespace {

// The median time to the first token of prompts of `len` tokens, one at a time.
Result<double> measure_prefill(const LoadOptions& load, const WorkloadOptions& workload, int32_t len, uint64_t seed) {
  constexpr int32_t kRepeats = 3;
  LoadOptions one_by_one = load;
  one_by_one.request_rate = std::numeric_limits<double>::infinity();
  one_by_one.max_concurrency = 1;
  const std::vector<Prompt> prompts = make_long_prompts(workload, kRepeats, len, seed);
  const LoadResult result = run_load(one_by_one, prompts, {}, [](size_t) {});
  std::vector<double> times_s;
  for (const RequestTimes& request : result.requests) {
    if (!request.error.empty()) return fail("a prompt of {} tokens: {}", len, request.error);
    times_s.push_back((request.pieces_s.empty() ? request.end_s : request.pieces_s.front()) - request.start_s);
  }
  return median(std::move(times_s));
}

}  // namespace

std::vector<Prompt> make_long_prompts(const WorkloadOptions& workload, int32_t count, int32_t len, uint64_t seed) {
  WorkloadOptions options = workload;
  options.dataset = Dataset::kRandom;
  options.num_prompts = count;
  options.input_len = len;
  options.output_len = 1;
  options.range_ratio = 1;
  options.seed = seed;
  return random_prompts(options);
}

ChunkEnds last_chunk(int32_t len, int32_t chunk_len) {
  const int32_t num_whole = len / chunk_len;
  if (num_whole == 0) return {.shorter = 0, .longer = len};
  return {.shorter = (num_whole - 1) * chunk_len, .longer = num_whole * chunk_len};
}

Result<double> measure_chunk(const LoadOptions& load, const WorkloadOptions& workload, int32_t len, int32_t chunk_len) {
  const ChunkEnds ends = last_chunk(len, chunk_len);
  TRY(const double longer_s, measure_prefill(load, workload, ends.longer, workload.seed + 1));
  if (ends.shorter == 0) return longer_s;
  TRY(const double shorter_s, measure_prefill(load, workload, ends.shorter, workload.seed + 2));
  return std::max(0.0, longer_s - shorter_s);
}

LongPromptReport report_long_prompts(std::span<const RequestTimes> requests, std::span<const RequestTimes> long_prompts,
                                     const LongPromptOptions& options, double steady_step_ms,
                                     std::optional<double> chunk_s) {
  LongPromptReport report{.len = options.len, .rate = options.rate};
  std::vector<double> first_token;
  for (const RequestTimes& request : long_prompts) {
    if (!request.error.empty()) {
      if (report.num_failed++ == 0) report.first_error = request.error;
      continue;
    }
    ++report.num_completed;
    if (!request.pieces_s.empty()) first_token.push_back(request.pieces_s.front() - request.start_s);
  }
  // The requests' own first tokens came before: long prompts begin when all others decode.
  TokenGaps gaps = token_gaps(requests, long_prompts);
  report.num_gaps = std::ssize(gaps.disturbed_s);
  report.first_token = distribution_of(std::move(first_token));
  report.inter_token = distribution_of(std::move(gaps.disturbed_s));
  report.step_ms = steady_step_ms;
  if (chunk_s) report.chunk_ms = 1e3 * *chunk_s;
  return report;
}

}  // namespace braid::serving
