#include "braid/bench/serving/long_prompts.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "braid/bench/serving/server_counts.h"
#include "braid/bench/serving/token_gaps.h"
#include "braid/bench/timing.h"

namespace braid::serving {
namespace {

// The time to the first token of a prompt that arrives alone.
Result<double> time_to_first_token(const LoadOptions& load, const Prompt& prompt, int32_t len) {
  LoadOptions alone = load;
  alone.request_rate = std::numeric_limits<double>::infinity();
  const LoadResult result = run_load(alone, std::span(&prompt, 1), {}, [](size_t) {});
  const RequestTimes& request = result.requests.front();
  if (!request.error.empty()) return fail("a prompt of {} tokens: {}", len, request.error);
  return (request.pieces_s.empty() ? request.end_s : request.pieces_s.front()) - request.start_s;
}

Prompt first_tokens(const Prompt& prompt, int32_t len) {
  const auto& ids = std::get<std::vector<TokenId>>(prompt.content);
  return {.content = std::vector<TokenId>(ids.begin(), ids.begin() + len), .output_len = prompt.output_len};
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

Result<std::optional<double>> measure_chunk(const LoadOptions& load, const WorkloadOptions& workload, int32_t len,
                                            int32_t chunk_len) {
  constexpr int32_t kRepeats = 3;
  const ChunkEnds ends = last_chunk(len, chunk_len);
  const auto num_cached = [&] {
    const auto counts = ask_server_counts(load.server, load.api_key);
    return counts ? counts->num_cached_tokens : 0;
  };
  const uint64_t cached_before = num_cached();
  std::vector<double> times_s;
  for (const Prompt& prompt : make_long_prompts(workload, kRepeats, ends.longer, workload.seed + 1)) {
    if (ends.shorter > 0) TRY_STATUS(time_to_first_token(load, first_tokens(prompt, ends.shorter), ends.shorter));
    TRY(const double seconds, time_to_first_token(load, prompt, ends.longer));
    times_s.push_back(seconds);
  }
  // Leaves out the last one, whose count may come after its token.
  if (num_cached() - cached_before < static_cast<uint64_t>(kRepeats - 1) * static_cast<uint64_t>(ends.shorter)) {
    return std::optional<double>();
  }
  return std::optional(median(std::move(times_s)));
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
  // The requests' own first tokens came earlier: long prompts start when all others decode.
  TokenGaps gaps = token_gaps(requests, long_prompts);
  report.num_gaps = std::ssize(gaps.disturbed_s);
  report.first_token = distribution_of(std::move(first_token));
  report.inter_token = distribution_of(std::move(gaps.disturbed_s));
  report.step_ms = steady_step_ms;
  if (chunk_s) report.chunk_ms = 1e3 * *chunk_s;
  return report;
}

}  // namespace braid::serving
