#include "braid/bench/latency/busy_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "braid/bench/timing.h"

namespace braid {
namespace {

StepFigures figures_of(std::span<const BatchRun> runs, PhaseRun BatchRun::*phase, int64_t tokens_a_run) {
  std::vector<double> rates;
  std::vector<double> steps;
  for (const BatchRun& run : runs) {
    rates.push_back(static_cast<double>(tokens_a_run) / (run.*phase).seconds());
    steps.insert(steps.end(), (run.*phase).step_seconds.begin(), (run.*phase).step_seconds.end());
  }
  std::sort(steps.begin(), steps.end());
  return {.tokens_per_s = median(std::move(rates)),
          .p50_s = percentile(steps, 0.5),
          .p99_s = percentile(steps, 0.99),
          .worst_s = steps.back()};
}

BusyReport::Phase phase_of(std::span<const BatchRun> quiet, std::span<const BatchRun> busy, PhaseRun BatchRun::*phase,
                           int64_t tokens_a_run) {
  const int64_t steps_a_run = std::ssize((quiet.front().*phase).step_seconds);
  if (steps_a_run == 0) return {};
  return {.num_steps = steps_a_run * std::ssize(quiet),
          .quiet = figures_of(quiet, phase, tokens_a_run),
          .busy = figures_of(busy, phase, tokens_a_run)};
}

Json json_of(const StepFigures& figures) {
  return {{"tokens_per_s", figures.tokens_per_s},
          {"step_p50_ms", 1e3 * figures.p50_s},
          {"step_p99_ms", 1e3 * figures.p99_s},
          {"step_worst_ms", 1e3 * figures.worst_s}};
}

Json json_of(const BusyReport::Phase& phase) {
  if (phase.num_steps == 0) return nullptr;
  return {{"num_steps", phase.num_steps},
          {"quiet", json_of(phase.quiet)},
          {"busy", json_of(phase.busy)},
          {"ratio", phase.ratio()}};
}

std::string row_of(const char* name, const char* condition, const StepFigures& figures, const std::string& ratio) {
  return fmt::format("{:<8} {:<6} {:>10.1f} {:>9} {:>10.2f} {:>10.2f} {:>10.2f} {:>9.2f}\n", name, condition,
                     figures.tokens_per_s, ratio, 1e3 * figures.p50_s, 1e3 * figures.p99_s, 1e3 * figures.worst_s,
                     figures.p99_s / figures.p50_s);
}

std::string rows_of(const char* name, const BusyReport::Phase& phase) {
  if (phase.num_steps == 0) return {};
  return row_of(name, "quiet", phase.quiet, "") +
         row_of(name, "busy", phase.busy, fmt::format("{:.1f} %", 100 * phase.ratio()));
}

}  // namespace

BusyReport busy_report(const BatchShape& shape, int32_t num_loops, std::span<const BatchRun> quiet,
                       std::span<const BatchRun> busy) {
  const int64_t batch_size = shape.batch_size;
  return {.shape = shape,
          .num_loops = num_loops,
          .prefill = phase_of(quiet, busy, &BatchRun::prefill, batch_size * shape.input_len),
          .decode = phase_of(quiet, busy, &BatchRun::decode, batch_size * (shape.output_len - 1))};
}

Json to_json(const BusyReport& report) {
  return {{"batch_size", report.shape.batch_size}, {"input_len", report.shape.input_len},
          {"output_len", report.shape.output_len}, {"busy_loops", report.num_loops},
          {"prefill", json_of(report.prefill)},    {"decode", json_of(report.decode)}};
}

std::string table_of(const BusyReport& report) {
  std::string table =
      fmt::format("{} sequences, {} + {} tokens; quiet and beside {} busy loops, in turns\n", report.shape.batch_size,
                  report.shape.input_len, report.shape.output_len, report.num_loops);
  table += fmt::format("{:<15} {:>10} {:>9} {:>10} {:>10} {:>10} {:>9}\n", "", "tokens/s", "of quiet", "P50 ms",
                       "P99 ms", "worst ms", "P99/P50");
  return table + rows_of("prefill", report.prefill) + rows_of("decode", report.decode);
}

}  // namespace braid
