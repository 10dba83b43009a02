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
  double balance_ratio = 1;    // of its DP groups (control/step_balance.h)
  double prefix_hit_rate = 0;  // share of the prompts' tokens that its prefix caches had
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
  std::optional<ServerSide> server;  // where the server says so
};
Report make_report(std::span<const RequestTimes> requests, double seconds);

void print_report(const Report& report, std::FILE* out);
std::string report_json(const Report& report);

}  // namespace braid::serving
