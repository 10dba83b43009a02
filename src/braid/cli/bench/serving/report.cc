#include "braid/cli/bench/serving/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

// Between the two nearest ranks, as numpy's percentile.
double percentile(std::span<const double> sorted, double share) {
  const double rank = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - static_cast<double>(below));
}

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

Report make_report(std::span<const RequestTimes> requests, double seconds) {
  Report report{.seconds = seconds};
  std::vector<double> end_to_end;
  std::vector<double> first_token;
  std::vector<double> per_output_token;
  std::vector<double> inter_token;
  for (const RequestTimes& request : requests) {
    if (!request.error.empty()) {
      if (report.num_failed++ == 0) report.first_error = request.error;
      continue;
    }
    ++report.num_completed;
    report.input_tokens += request.prompt_tokens;
    report.output_tokens += request.output_tokens;
    end_to_end.push_back(request.end_s - request.start_s);
    if (request.pieces_s.empty()) continue;
    first_token.push_back(request.pieces_s.front() - request.start_s);
    if (request.output_tokens > 1) {
      per_output_token.push_back((request.pieces_s.back() - request.pieces_s.front()) /
                                 static_cast<double>(request.output_tokens - 1));
    }
    for (size_t i = 1; i < request.pieces_s.size(); ++i) {
      inter_token.push_back(request.pieces_s[i] - request.pieces_s[i - 1]);
    }
  }
  report.concurrency = seconds > 0 ? std::accumulate(end_to_end.begin(), end_to_end.end(), 0.0) / seconds : 0;
  report.end_to_end = distribution_of(std::move(end_to_end));
  report.first_token = distribution_of(std::move(first_token));
  report.per_output_token = distribution_of(std::move(per_output_token));
  report.inter_token = distribution_of(std::move(inter_token));
  return report;
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
  }
  lines(out, "End-to-End Latency", "E2E Latency", report.end_to_end);
  lines(out, "Time to First Token", "TTFT", report.first_token);
  lines(out, "Time per Output Token (excl. 1st token)", "TPOT", report.per_output_token);
  lines(out, "Inter-Token Latency", "ITL", report.inter_token);
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
  const auto add = [&json](const std::string& name, const Distribution& times) {
    json["mean_" + name + "_ms"] = times.mean;
    json["median_" + name + "_ms"] = times.median;
    json["p90_" + name + "_ms"] = times.p90;
    json["p99_" + name + "_ms"] = times.p99;
  };
  add("e2e_latency", report.end_to_end);
  add("ttft", report.first_token);
  add("tpot", report.per_output_token);
  add("itl", report.inter_token);
  if (report.server) {
    json["prefix_hit_rate"] = report.server->prefix_hit_rate;
    json["dp_size"] = report.server->dp_size;
    json["balance_ratio"] = report.server->balance_ratio;
  }
  if (report.num_failed > 0) json["first_error"] = report.first_error;
  return json.dump();
}

}  // namespace braid::serving
