// The report of `braid bench serving`: throughput and latencies, with the definitions of SGLang's bench_serving.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace braid::serving {

// One request as seen by its client. Times in seconds since the run's start.
struct RequestTimes {
  double start_s = 0;
  double end_s = 0;
  std::vector<double> pieces_s;  // arrival of each piece of text; the first is the first token
  int64_t prompt_tokens = 0;     // as counted by the server
  int64_t output_tokens = 0;
  bool has_images = false;
  std::string text = {};  // if LoadOptions::keeps_text
  std::string error;      // not empty: the request failed
};

// Latencies of one kind, in milliseconds; all 0 without any.
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
  double prefix_hit_rate = 0;         // share of the prompts' tokens found in its prefix caches
  std::optional<double> front_cpu_s;  // processor time of all its threads except the ranks'
};

// What the server can do, measured with all requests at once before the reported run.
struct Capacity {
  double requests_per_s = 0;
  double output_tokens_per_s = 0;
  double share = 0;  // of that rate, at which the reported requests arrive
};

// The requests with images, or those without, where a run has both.
struct KindReport {
  int64_t num_completed = 0;
  Distribution first_token;
  Distribution per_output_token;
  Distribution inter_token;
};

// Requests that were sent again, each alone, and had the same answer.
struct AnswerCheck {
  int64_t num_checked = 0;
  int64_t num_equal = 0;
};

// Long prompts while other requests decode (long_prompts.h).
struct LongPromptReport {
  int32_t len = 0;
  double rate = 0;  // per second; infinity: all at once
  int64_t num_completed = 0;
  int64_t num_failed = 0;
  std::string first_error;
  Distribution first_token;
  int64_t num_gaps = 0;            // gaps of the other requests during which a long prompt waited for its first token
  Distribution inter_token;        // in these gaps
  double step_ms = 0;              // of the other requests alone, median
  std::optional<double> chunk_ms;  // of the longest chunk alone; absent if the server does not report its chunk length

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
  double concurrency = 0;            // mean number of requests under way
  Distribution end_to_end;           // of a request
  Distribution first_token;          // TTFT
  Distribution per_output_token;     // TPOT: a request's mean, without its first token
  Distribution inter_token;          // ITL: from one piece of text to the next
  int64_t num_steady = 0;            // gaps during which no request waited for a first token
  Distribution steady_inter_token;   // in these gaps
  std::optional<ServerSide> server;  // if the server reports it
  std::optional<Capacity> capacity;
  std::optional<LongPromptReport> long_prompts;
  std::optional<KindReport> with_images;  // if there are requests of both kinds
  std::optional<KindReport> text_only;
  std::optional<AnswerCheck> answers;

  // Processor time of the server's threads except the ranks', per output token.
  std::optional<double> front_cpu_us_per_token() const;
};
// `late`: requests that are not reported, but may delay the others.
Report make_report(std::span<const RequestTimes> requests, std::span<const RequestTimes> late, double seconds);

void print_report(const Report& report, std::FILE* out);
std::string report_json(const Report& report);

}  // namespace braid::serving
