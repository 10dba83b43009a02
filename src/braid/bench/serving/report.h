// What `braid bench serving` tells: throughput and latencies, in the terms of SGLang's bench_serving.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace braid::serving {

// One request as its client saw it. Times in seconds since the run's start.
struct RequestTimes {
  double start_s = 0;
  double end_s = 0;
  std::vector<double> pieces_s;  // when each piece of text came; the first is the first token
  int64_t prompt_tokens = 0;     // as the server counts them
  int64_t output_tokens = 0;
  std::string error;  // not empty: it failed
};

// Of one kind of latency, in milliseconds; all 0 where there is none.
struct Distribution {
  double mean = 0;
  double median = 0;
  double p90 = 0;
  double p99 = 0;
};
Distribution distribution_of(std::vector<double> seconds);

// What the server itself counted during the run.
struct ServerSide {
  int32_t dp_size = 1;
  double balance_ratio = 1;           // of its DP groups (controller/step_balance.h)
  double prefix_hit_rate = 0;         // share of the prompts' tokens that its prefix caches had
  std::optional<double> front_cpu_s;  // processor time of all its threads but the ranks'
};

// All requests at once, before those that are reported: what the server can do.
struct Capacity {
  double requests_per_s = 0;
  double output_tokens_per_s = 0;
  double share = 0;  // of these requests, that then arrive
};

// Long prompts among requests that decode (long_prompts.h).
struct LongPromptReport {
  int32_t len = 0;
  double rate = 0;  // a second; infinity: all at once
  int64_t num_completed = 0;
  int64_t num_failed = 0;
  std::string first_error;
  Distribution first_token;
  int64_t num_gaps = 0;            // of the other requests, in which a long prompt waited for its first token
  Distribution inter_token;        // these gaps
  double step_ms = 0;              // of the other requests alone, the median
  std::optional<double> chunk_ms;  // of the longest chunk alone; absent: the server does not say how long chunks are

  std::optional<double> chunk_and_step_ms() const {
    return chunk_ms ? std::optional(*chunk_ms + step_ms) : std::nullopt;
  }
};

struct Report {
  std::string backend;
  double request_rate = 0;  // infinity: all at once
  int32_t max_concurrency = 0;
  int64_t num_completed = 0;
  int64_t num_failed = 0;
  std::string first_error;
  double seconds = 0;
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
  double concurrency = 0;            // requests under way, on average
  Distribution end_to_end;           // a request
  Distribution first_token;          // TTFT
  Distribution per_output_token;     // TPOT: a request's mean, but for its first token
  Distribution inter_token;          // ITL: between one piece of text and the next
  int64_t num_steady = 0;            // of those, while nobody waited for a first token
  Distribution steady_inter_token;   // these
  std::optional<ServerSide> server;  // where the server says so
  std::optional<Capacity> capacity;
  std::optional<LongPromptReport> long_prompts;

  // Of the server's threads but the ranks', for each output token.
  std::optional<double> front_cpu_us_per_token() const;
};
// `late`: requests that are not reported here, but may be in the way of others.
Report make_report(std::span<const RequestTimes> requests, std::span<const RequestTimes> late, double seconds);

void print_report(const Report& report, std::FILE* out);
std::string report_json(const Report& report);

}  // namespace braid::serving
