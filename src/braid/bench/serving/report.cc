#include "braid/bench/serving/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "braid/bench/serving/token_gaps.h"
#include "braid/bench/timing.h"
#include "braid/formats/json.h"

namespace braid::serving {
namespace {

void heading(std::FILE* out, std::string_view text, char fill) {
  fmt::print(out, "{}\n", fmt::format(fmt::runtime(fmt::format("{{:{}^50}}", fill)), text));
}

void line(std::FILE* out, std::string_view what, double value) {
  fmt::print(out, "{:<40} {:<10.2f}\n", what, value);
}

void line(std::FILE* out, std::string_view what, int64_t value) {
  fmt::print(out, "{:<40} {:<10}\n", what, value);
}

void lines(std::FILE* out, std::string_view title, std::string_view what, const Distribution& times) {
  heading(out, title, '-');
  line(out, fmt::format("Mean {} (ms):", what), times.mean);
  line(out, fmt::format("Median {} (ms):", what), times.median);
  line(out, fmt::format("P90 {} (ms):", what), times.p90);
  line(out, fmt::format("P99 {} (ms):", what), times.p99);
}

std::string rate_text(double rate) {
  return std::isfinite(rate) ? fmt::format("{}", rate) : "inf";
}

void lines_of(std::FILE* out, const Capacity& capacity) {
  line(out, "Capacity, all at once (req/s):", capacity.requests_per_s);
  line(out, "Capacity, all at once (output tok/s):", capacity.output_tokens_per_s);
  line(out, "Arrivals of that (%):", 100 * capacity.share);
}

void lines_of(std::FILE* out, const LongPromptReport& report) {
  lines(out, "Time to First Token of Long Prompts", "TTFT", report.first_token);
  line(out, "Long prompts:", report.num_completed);
  if (report.num_failed > 0) {
    line(out, "Failed long prompts:", report.num_failed);
    fmt::print(out, "{:<40} {}\n", "First error:", report.first_error);
  }
  line(out, "Tokens of each:", int64_t{report.len});
  lines(out, "Inter-Token Latency beside Long Prompts", "ITL", report.inter_token);
  if (report.chunk_ms) {
    line(out, "One chunk, alone (ms):", *report.chunk_ms);
    line(out, "One chunk and a step (ms):", *report.chunk_and_step_ms());
  }
}

void lines_of(std::FILE* out, std::string_view kind, const KindReport& report) {
  heading(out, fmt::format("Requests {}", kind), '=');
  line(out, "Successful requests:", report.num_completed);
  lines(out, "Time to First Token", "TTFT", report.first_token);
  lines(out, "Time per Output Token (excl. 1st token)", "TPOT", report.per_output_token);
  lines(out, "Inter-Token Latency", "ITL", report.inter_token);
}

void add_times(Json& json, const std::string& name, const Distribution& times) {
  json["mean_" + name + "_ms"] = times.mean;
  json["median_" + name + "_ms"] = times.median;
  json["p90_" + name + "_ms"] = times.p90;
  json["p99_" + name + "_ms"] = times.p99;
}

Json to_json(const KindReport& report) {
  Json json = {{"completed", report.num_completed}};
  add_times(json, "ttft", report.first_token);
  add_times(json, "tpot", report.per_output_token);
  add_times(json, "itl", report.inter_token);
  return json;
}

Json to_json(const LongPromptReport& report) {
  Json json = {{"completed", report.num_completed},      {"failed", report.num_failed}, {"tokens", report.len},
               {"request_rate", rate_text(report.rate)}, {"num_itl", report.num_gaps},  {"step_ms", report.step_ms}};
  add_times(json, "ttft", report.first_token);
  add_times(json, "itl", report.inter_token);
  if (report.chunk_ms) {
    json["chunk_ms"] = *report.chunk_ms;
    json["chunk_and_step_ms"] = *report.chunk_and_step_ms();
  }
  if (report.num_failed > 0) json["first_error"] = report.first_error;
  return json;
}

// In seconds.
std::optional<double> first_token_of(const RequestTimes& request) {
  if (request.pieces_s.empty()) return std::nullopt;
  return request.pieces_s.front() - request.start_s;
}

std::optional<double> time_per_token_of(const RequestTimes& request) {
  if (request.pieces_s.empty() || request.output_tokens < 2) return std::nullopt;
  return (request.pieces_s.back() - request.pieces_s.front()) / static_cast<double>(request.output_tokens - 1);
}

KindReport kind_report(std::span<const RequestTimes> requests, bool has_images) {
  KindReport report;
  std::vector<double> first_token;
  std::vector<double> per_output_token;
  std::vector<double> inter_token;
  for (const RequestTimes& request : requests) {
    if (!request.error.empty() || request.has_images != has_images) continue;
    ++report.num_completed;
    if (const auto time_s = first_token_of(request)) first_token.push_back(*time_s);
    if (const auto time_s = time_per_token_of(request)) per_output_token.push_back(*time_s);
    for (size_t i = 1; i < request.pieces_s.size(); ++i) {
      inter_token.push_back(request.pieces_s[i] - request.pieces_s[i - 1]);
    }
  }
  report.first_token = distribution_of(std::move(first_token));
  report.per_output_token = distribution_of(std::move(per_output_token));
  report.inter_token = distribution_of(std::move(inter_token));
  return report;
}

}  // namespace

Distribution distribution_of(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  return {.mean = 1e3 * sum / static_cast<double>(seconds.size()),
          .median = 1e3 * percentile(seconds, 0.5),
          .p90 = 1e3 * percentile(seconds, 0.9),
          .p99 = 1e3 * percentile(seconds, 0.99)};
}

Report make_report(std::span<const RequestTimes> requests, std::span<const RequestTimes> late, double seconds) {
  Report report{.seconds = seconds};
  std::vector<double> end_to_end;
  std::vector<double> first_token;
  std::vector<double> per_output_token;
  for (const RequestTimes& request : requests) {
    if (!request.error.empty()) {
      if (report.num_failed++ == 0) report.first_error = request.error;
      continue;
    }
    ++report.num_completed;
    report.input_tokens += request.prompt_tokens;
    report.output_tokens += request.output_tokens;
    end_to_end.push_back(request.end_s - request.start_s);
    if (const auto time_s = first_token_of(request)) first_token.push_back(*time_s);
    if (const auto time_s = time_per_token_of(request)) per_output_token.push_back(*time_s);
  }
  report.concurrency = seconds > 0 ? std::accumulate(end_to_end.begin(), end_to_end.end(), 0.0) / seconds : 0;
  report.end_to_end = distribution_of(std::move(end_to_end));
  report.first_token = distribution_of(std::move(first_token));
  report.per_output_token = distribution_of(std::move(per_output_token));
  std::vector<RequestTimes> waiting(requests.begin(), requests.end());
  waiting.insert(waiting.end(), late.begin(), late.end());
  TokenGaps gaps = token_gaps(requests, waiting);
  report.inter_token = distribution_of(gaps.all());
  report.num_steady = std::ssize(gaps.steady_s);
  report.steady_inter_token = distribution_of(std::move(gaps.steady_s));
  const auto num_with_images = std::ranges::count_if(requests, &RequestTimes::has_images);
  if (num_with_images > 0 && num_with_images < std::ssize(requests)) {
    report.with_images = kind_report(requests, true);
    report.text_only = kind_report(requests, false);
  }
  return report;
}

std::optional<double> Report::front_cpu_us_per_token() const {
  if (!server || !server->front_cpu_s || output_tokens == 0) return std::nullopt;
  return 1e6 * *server->front_cpu_s / static_cast<double>(output_tokens);
}

void print_report(const Report& report, std::FILE* out) {
  const double seconds = std::max(report.seconds, 1e-9);
  heading(out, " Serving Benchmark Result ", '=');
  fmt::print(out, "{:<40} {:<10}\n", "Backend:", report.backend);
  fmt::print(out, "{:<40} {:<10}\n", "Traffic request rate:", rate_text(report.request_rate));
  fmt::print(out, "{:<40} {:<10}\n", "Max request concurrency:",
             report.max_concurrency > 0 ? fmt::format("{}", report.max_concurrency) : "not set");
  line(out, "Successful requests:", report.num_completed);
  if (report.num_failed > 0) {
    line(out, "Failed requests:", report.num_failed);
    fmt::print(out, "{:<40} {}\n", "First error:", report.first_error);
  }
  line(out, "Benchmark duration (s):", report.seconds);
  line(out, "Total input tokens:", report.input_tokens);
  line(out, "Total generated tokens:", report.output_tokens);
  line(out, "Request throughput (req/s):", static_cast<double>(report.num_completed) / seconds);
  line(out, "Input token throughput (tok/s):", static_cast<double>(report.input_tokens) / seconds);
  line(out, "Output token throughput (tok/s):", static_cast<double>(report.output_tokens) / seconds);
  line(out,
       "Total token throughput (tok/s):", static_cast<double>(report.input_tokens + report.output_tokens) / seconds);
  line(out, "Concurrency:", report.concurrency);
  if (report.server) {
    line(out, "Prefix cache hit rate (%):", 100 * report.server->prefix_hit_rate);
    if (report.server->dp_size > 1) line(out, "Balance of DP groups (%):", 100 * report.server->balance_ratio);
    if (report.server->front_cpu_s) {
      line(out, "Server beside its ranks (% of a core):", 100 * *report.server->front_cpu_s / seconds);
    }
  }
  if (const auto time_us = report.front_cpu_us_per_token()) {
    line(out, "The same for each output token (us):", *time_us);
  }
  if (report.capacity) lines_of(out, *report.capacity);
  lines(out, "End-to-End Latency", "E2E Latency", report.end_to_end);
  lines(out, "Time to First Token", "TTFT", report.first_token);
  lines(out, "Time per Output Token (excl. 1st token)", "TPOT", report.per_output_token);
  lines(out, "Inter-Token Latency", "ITL", report.inter_token);
  if (report.num_steady > 0) {
    lines(out, "ITL in Steady Decode", "ITL", report.steady_inter_token);
    line(out, "P99 / median:", report.steady_inter_token.p99 / report.steady_inter_token.median);
  }
  if (report.long_prompts) lines_of(out, *report.long_prompts);
  if (report.with_images) lines_of(out, "with Images", *report.with_images);
  if (report.text_only) lines_of(out, "of Text Alone", *report.text_only);
  if (report.answers) {
    heading(out, "", '=');
    line(out, "Requests sent again, each alone:", report.answers->num_checked);
    line(out, "Equal answers:", report.answers->num_equal);
  }
  heading(out, "", '=');
}

std::string report_json(const Report& report) {
  const double seconds = std::max(report.seconds, 1e-9);
  Json json = {{"backend", report.backend},
               {"request_rate", rate_text(report.request_rate)},
               {"max_concurrency", report.max_concurrency},
               {"completed", report.num_completed},
               {"failed", report.num_failed},
               {"duration", report.seconds},
               {"total_input_tokens", report.input_tokens},
               {"total_output_tokens", report.output_tokens},
               {"request_throughput", static_cast<double>(report.num_completed) / seconds},
               {"input_throughput", static_cast<double>(report.input_tokens) / seconds},
               {"output_throughput", static_cast<double>(report.output_tokens) / seconds},
               {"total_throughput", static_cast<double>(report.input_tokens + report.output_tokens) / seconds},
               {"concurrency", report.concurrency}};
  add_times(json, "e2e_latency", report.end_to_end);
  add_times(json, "ttft", report.first_token);
  add_times(json, "tpot", report.per_output_token);
  add_times(json, "itl", report.inter_token);
  json["num_steady_itl"] = report.num_steady;
  add_times(json, "steady_itl", report.steady_inter_token);
  if (report.server) {
    json["prefix_hit_rate"] = report.server->prefix_hit_rate;
    json["dp_size"] = report.server->dp_size;
    json["balance_ratio"] = report.server->balance_ratio;
    if (report.server->front_cpu_s) {
      json["front_cpu_seconds"] = *report.server->front_cpu_s;
      json["front_cpu_share_of_core"] = *report.server->front_cpu_s / seconds;
    }
  }
  if (const auto time_us = report.front_cpu_us_per_token()) json["front_cpu_us_per_output_token"] = *time_us;
  if (report.capacity) {
    json["capacity_request_throughput"] = report.capacity->requests_per_s;
    json["capacity_output_throughput"] = report.capacity->output_tokens_per_s;
    json["capacity_share"] = report.capacity->share;
  }
  if (report.long_prompts) json["long_prompts"] = to_json(*report.long_prompts);
  if (report.with_images) json["with_images"] = to_json(*report.with_images);
  if (report.text_only) json["text_only"] = to_json(*report.text_only);
  if (report.answers) {
    json["checked_answers"] = report.answers->num_checked;
    json["equal_answers"] = report.answers->num_equal;
  }
  if (report.num_failed > 0) json["first_error"] = report.first_error;
  return json.dump();
}

}  // namespace braid::serving
