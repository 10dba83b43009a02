#include "braid/bench/latency/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "braid/api/text_model.h"
#include "braid/base/thread_team.h"
#include "braid/bench/latency/busy_loops.h"
#include "braid/bench/latency/busy_report.h"
#include "braid/bench/timing.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

constexpr std::chrono::milliseconds kSettling{100};  // until threads have moved away from busy loops, and back

// A peak that was once sustained counts. The bandwidth is taken between the runs, since a shared machine's changes from
// second to second.
Roofline ceilings_of(const Roofline& a, const Roofline& b, std::vector<double> readings) {
  readings.push_back(b.read_bytes_per_s);
  return {.bf16_flops_per_s = std::max(a.bf16_flops_per_s, b.bf16_flops_per_s),
          .f32_flops_per_s = std::max(a.f32_flops_per_s, b.f32_flops_per_s),
          .int8_ops_per_s = std::max(a.int8_ops_per_s, b.int8_ops_per_s),
          .few_bits_ops_per_s = std::max(a.few_bits_ops_per_s, b.few_bits_ops_per_s),
          .read_bytes_per_s = median(std::move(readings)),
          .isa = a.isa};
}

// So that others can compute the roofline with other ceilings.
Json to_json(const StepWork& work) {
  Json operations = Json::array();
  for (const auto& [operation, count] : count_operations(work)) {
    operations.push_back({{"count", count},
                          {"bytes", operation.bytes},
                          {"flops", operation.flops},
                          {"arithmetic", arithmetic_name(operation.arithmetic)}});
  }
  return operations;
}

// Refuses options that no model could run.
Status check_options(const LatencyOptions& options) {
  for (const int32_t batch_size : options.batch_sizes) {
    if (batch_size > options.engine.rank.max_running_requests) {
      return fail("--batch-size {} is above --max-running-requests {}", batch_size,
                  options.engine.rank.max_running_requests);
    }
  }
  if (options.shape.skip_prefill && options.shape.output_len < 2) {
    return fail("--skip-prefill with --output-len {}: the first token comes from the prefill; must be at least 2",
                options.shape.output_len);
  }
  return {};
}

// Commits the KV pages and warms up. Then the ranks do what a server's ranks do while no requests come.
Status warm_up(const BatchShape& shape, RankSet& ranks) {
  TRY_STATUS(run_batch(shape, ranks, {}));
  return ranks.on_all_ranks([](Rank& rank, int32_t) -> Status {
    while (rank.use_idle_time()) {
    }
    return {};
  });
}

// `team`: as many threads as all ranks together.
Result<LatencyReport> measure_latency(const LatencyOptions& options, const BatchShape& shape, RankSet& ranks,
                                      std::span<const WeightProduct> products, ThreadTeam& team) {
  const Roofline before = measure_roofline(ranks.isa(), team, options.roofline);
  TRY_STATUS(warm_up(shape, ranks));
  std::vector<double> prefill_seconds;
  std::vector<double> decode_seconds;
  int64_t prefill_page_faults = 0;
  int64_t decode_page_faults = 0;
  std::vector<double> readings;
  BatchRun last;
  for (int32_t i = 0; i < options.repeats; ++i) {
    readings.push_back(measure_read_bandwidth(team, options.roofline.read_bytes, options.roofline.seconds));
    TRY(last, run_batch(shape, ranks, products));
    prefill_seconds.push_back(last.prefill.seconds());
    decode_seconds.push_back(last.decode.seconds());
    prefill_page_faults += last.prefill.page_faults;
    decode_page_faults += last.decode.page_faults;
  }
  const Roofline after = measure_roofline(ranks.isa(), team, options.roofline);
  const Roofline roofline = ceilings_of(before, after, std::move(readings));

  const int32_t num_decode_steps = std::max(shape.output_len - 1, 1);
  LatencyReport report{.prefill_seconds = median(prefill_seconds),
                       .decode_step_seconds = median(decode_seconds) / num_decode_steps,
                       .prefill_roofline_seconds = roofline_seconds(last.prefill.work, roofline),
                       .decode_roofline_seconds = roofline_seconds(last.decode.work, roofline) / num_decode_steps,
                       .prefill_page_faults = static_cast<double>(prefill_page_faults) / options.repeats,
                       .decode_page_faults_per_step =
                           static_cast<double>(decode_page_faults) / (int64_t{options.repeats} * num_decode_steps),
                       .num_decode_steps = shape.output_len - 1,
                       .prefill_work = std::move(last.prefill.work),
                       .decode_work = std::move(last.decode.work),
                       .roofline = roofline};
  if (!shape.skip_prefill) {
    report.prefill_tokens_per_s = int64_t{shape.batch_size} * shape.input_len / report.prefill_seconds;
    report.prefill_roofline_fraction = report.prefill_roofline_seconds / report.prefill_seconds;
  }
  if (shape.output_len > 1) {
    report.decode_tokens_per_s = shape.batch_size / report.decode_step_seconds;
    report.decode_roofline_fraction = report.decode_roofline_seconds / report.decode_step_seconds;
  }
  return report;
}

void print_json(const LatencyReport& report, const BatchShape& shape, std::FILE* out) {
  const Json object = {{"batch_size", shape.batch_size},
                       {"input_len", shape.input_len},
                       {"output_len", shape.output_len},
                       {"prefill_tokens_per_s", report.prefill_tokens_per_s},
                       {"decode_tokens_per_s", report.decode_tokens_per_s},
                       {"prefill_floor_fraction", report.prefill_roofline_fraction},
                       {"decode_floor_fraction", report.decode_roofline_fraction},
                       {"prefill_page_faults", report.prefill_page_faults},
                       {"decode_page_faults_per_step", report.decode_page_faults_per_step},
                       {"num_decode_steps", report.num_decode_steps},
                       {"prefill_work", to_json(report.prefill_work)},
                       {"decode_work", to_json(report.decode_work)},
                       {"bf16_flops_per_s", report.roofline.bf16_flops_per_s},
                       {"f32_flops_per_s", report.roofline.f32_flops_per_s},
                       {"int8_ops_per_s", report.roofline.int8_ops_per_s},
                       {"few_bits_ops_per_s", report.roofline.few_bits_ops_per_s},
                       {"read_bytes_per_s", report.roofline.read_bytes_per_s},
                       {"isa", report.roofline.isa}};
  fmt::print(out, "{}\n", object.dump());
}

void print_table(const LatencyReport& report, const BatchShape& shape, std::FILE* out) {
  const Roofline& roofline = report.roofline;
  fmt::print(out,
             "{} sequences, {} + {} tokens; {}: {:.0f} GFLOP/s bf16, {:.0f} f32, {:.0f} GOP/s int8, {:.0f} fewer "
             "bits, {:.1f} GB/s\n",
             shape.batch_size, shape.input_len, shape.output_len, roofline.isa, roofline.bf16_flops_per_s / 1e9,
             roofline.f32_flops_per_s / 1e9, roofline.int8_ops_per_s / 1e9, roofline.few_bits_ops_per_s / 1e9,
             roofline.read_bytes_per_s / 1e9);
  fmt::print(out, "{:<10} {:>12} {:>12} {:>12} {:>10} {:>12}\n", "", "tokens/s", "ms", "floor ms", "of floor",
             "page faults");
  if (!shape.skip_prefill) {
    fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}% {:>12.2f}\n", "prefill",
               report.prefill_tokens_per_s, report.prefill_seconds * 1e3, report.prefill_roofline_seconds * 1e3,
               report.prefill_roofline_fraction * 100, report.prefill_page_faults);
  }
  fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}% {:>12.2f}\n", "decode", report.decode_tokens_per_s,
             report.decode_step_seconds * 1e3, report.decode_roofline_seconds * 1e3,
             report.decode_roofline_fraction * 100, report.decode_page_faults_per_step);
}

// The same steps without and beside the loops, in turns, so that both meet the same conditions.
Result<BusyReport> measure_beside(BusyLoops& loops, const LatencyOptions& options, const BatchShape& shape,
                                  RankSet& ranks) {
  TRY_STATUS(warm_up(shape, ranks));
  std::vector<BatchRun> quiet;
  std::vector<BatchRun> busy;
  for (int32_t i = 0; i < options.repeats; ++i) {
    TRY(quiet.emplace_back(), run_batch(shape, ranks, {}));
    TRY_STATUS(loops.run());
    std::this_thread::sleep_for(kSettling);
    TRY(busy.emplace_back(), run_batch(shape, ranks, {}));
    TRY_STATUS(loops.pause());
    std::this_thread::sleep_for(kSettling);
  }
  return busy_report(shape, options.busy_loops, quiet, busy);
}

}  // namespace

Status run_bench_latency(const LatencyOptions& options, std::shared_ptr<Logger> logger, std::FILE* out) {
  TRY_STATUS(check_options(options));
  TRY(BusyLoops loops, BusyLoops::start(options.busy_loops));
  TRY(const Checkpoint checkpoint, open_checkpoint(options.engine.source));
  TRY(const auto ranks, RankSet::load(checkpoint, options.engine.rank, std::move(logger), {}));
  std::vector<BatchShape> shapes;
  const QuantizedWeights quantized = chosen_quantization(options.engine.rank, checkpoint.config());
  const std::vector<WeightProduct> products = weight_products(checkpoint, ranks->dtype(), quantized);
  for (const int32_t batch_size : options.batch_sizes) {
    shapes.push_back(options.shape);
    shapes.back().batch_size = batch_size;
    TRY_STATUS(check_room(shapes.back(), *ranks));
  }
  for (const BatchShape& shape : shapes) {
    if (options.busy_loops > 0) {
      TRY(const BusyReport report, measure_beside(loops, options, shape, *ranks));
      fmt::print(out, "{}\n", options.json ? to_json(report).dump() : table_of(report));
      std::fflush(out);
      continue;
    }
    ThreadTeam team(ranks->first().team().size() * ranks->layout().num_ranks());
    TRY(const LatencyReport report, measure_latency(options, shape, *ranks, products, team));
    options.json ? print_json(report, shape, out) : print_table(report, shape, out);
  }
  return {};
}

}  // namespace braid
