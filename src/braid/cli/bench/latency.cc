#include "braid/cli/bench/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/cli/bench/step_floor.h"
#include "braid/cli/bench/timing.h"
#include "braid/engine/rank.h"

namespace braid {
namespace {

// B sequences with pages of their own, planned as the scheduler would without a cache.
class Batch {
 public:
  Batch(const LatencyOptions& options, const SchedulerConfig& scheduler, int64_t vocab_size)
      : options_(options), chunk_(scheduler.chunked_prefill_size) {
    std::mt19937_64 random(options.seed);
    const int32_t pages_each = (options.input_len + options.output_len + scheduler.page_size - 1) / scheduler.page_size;
    for (int32_t i = 0; i < options.batch_size; ++i) {
      PageTable table{.pages = std::vector<PageId>(static_cast<size_t>(pages_each))};
      std::iota(table.pages.begin(), table.pages.end(), i * pages_each);
      tables_.push_back(std::move(table));
      std::vector<TokenId> prompt(static_cast<size_t>(options.input_len));
      for (TokenId& id : prompt) id = static_cast<TokenId>(random() % static_cast<uint64_t>(vocab_size));
      prompts_.push_back(std::move(prompt));
    }
    last_tokens_.resize(prompts_.size());
  }

  // Chunks of prompts, each step filled to the chunk size with as many prompts as it takes.
  std::vector<StepPlan> prefill_plans() const {
    std::vector<StepPlan> plans(1);
    int32_t room = chunk_;
    for (size_t i = 0; i < prompts_.size(); ++i) {
      for (int32_t first = 0; first < options_.input_len;) {
        if (room == 0) {
          plans.emplace_back();
          room = chunk_;
        }
        const int32_t count = std::min(room, options_.input_len - first);
        const auto begin = prompts_[i].begin() + first;
        plans.back().sequences.push_back(
            sequence(i, {begin, begin + count}, first, first + count == options_.input_len));
        first += count;
        room -= count;
      }
    }
    return plans;
  }

  StepPlan decode_plan(int32_t output_index) const {
    StepPlan plan;
    for (size_t i = 0; i < prompts_.size(); ++i) {
      plan.sequences.push_back(sequence(i, {last_tokens_[i]}, options_.input_len + output_index - 1, true));
    }
    return plan;
  }

  void take(const StepResult& result) {
    for (const SequenceResult& sequence : result.sequences) last_tokens_[sequence.request] = sequence.sampled.token;
  }

 private:
  SequencePlan sequence(size_t index, std::vector<TokenId> tokens, int32_t first_position, bool samples) const {
    SequencePlan plan{.request = index,
                      .new_tokens = std::move(tokens),
                      .first_position = first_position,
                      .page_tables = {tables_[index]},
                      .samples = samples};
    plan.sampling.params.temperature = 0;
    return plan;
  }

  const LatencyOptions& options_;
  int32_t chunk_;
  std::vector<PageTable> tables_;
  std::vector<std::vector<TokenId>> prompts_;
  std::vector<TokenId> last_tokens_;
};

struct Run {
  double prefill_seconds = 0;
  double decode_seconds = 0;
  StepWork prefill_work;
  StepWork decode_work;
};

void append(StepWork& all, const StepWork& one) {
  all.operations.insert(all.operations.end(), one.operations.begin(), one.operations.end());
}

Run run_once(const LatencyOptions& options, Rank& rank) {
  Batch batch(options, rank.scheduler_config(), rank.config().vocab_size);
  Run run;
  const auto step = [&](const StepPlan& plan, double& seconds, StepWork& work) {
    const double start = monotonic_seconds();
    batch.take(rank.runner().execute(plan));
    seconds += monotonic_seconds() - start;
    append(work, work_of_step(rank.config(), rank.dtype(), rank.kv_dtype(), plan, rank.runner().touched_experts()));
  };
  for (const StepPlan& plan : batch.prefill_plans()) step(plan, run.prefill_seconds, run.prefill_work);
  for (int32_t i = 1; i < options.output_len; ++i) step(batch.decode_plan(i), run.decode_seconds, run.decode_work);
  return run;
}

Roofline better_of(const Roofline& a, const Roofline& b) {
  return {.bf16_flops_per_s = std::max(a.bf16_flops_per_s, b.bf16_flops_per_s),
          .f32_flops_per_s = std::max(a.f32_flops_per_s, b.f32_flops_per_s),
          .read_bytes_per_s = std::max(a.read_bytes_per_s, b.read_bytes_per_s),
          .isa = a.isa};
}

// What no model could run.
Status check_options(const LatencyOptions& options) {
  if (options.batch_size > options.engine.rank.max_running_requests) {
    return fail("--batch-size {} is above --max-running-requests {}", options.batch_size,
                options.engine.rank.max_running_requests);
  }
  return {};
}

Status check_room(const LatencyOptions& options, const SchedulerConfig& config) {
  const int64_t len = int64_t{options.input_len} + options.output_len;
  if (len > config.context_len) {
    return fail("--input-len + --output-len is {}, the context is {} tokens", len, config.context_len);
  }
  const int64_t pages_each = (len + config.page_size - 1) / config.page_size;
  if (pages_each * options.batch_size > config.num_pages) {
    return fail("{} sequences of {} tokens take {} KV pages, the pool has {}", options.batch_size, len,
                pages_each * options.batch_size, config.num_pages);
  }
  return {};
}

}  // namespace

Result<LatencyReport> measure_latency(const LatencyOptions& options, Logger& logger) {
  TRY_STATUS(check_options(options));
  TRY(const Checkpoint checkpoint, open_checkpoint(options.engine.source));
  TRY(const auto rank, Rank::load(checkpoint, options.engine.rank, logger, {}));
  TRY_STATUS(check_room(options, rank->scheduler_config()));

  const Roofline before = measure_roofline(rank->isa(), rank->team(), options.roofline);
  run_once(options, *rank);  // commits the KV pages and warms up
  std::vector<double> prefill_seconds;
  std::vector<double> decode_seconds;
  Run last;
  for (int32_t i = 0; i < options.repeats; ++i) {
    last = run_once(options, *rank);
    prefill_seconds.push_back(last.prefill_seconds);
    decode_seconds.push_back(last.decode_seconds);
  }
  const Roofline roofline = better_of(before, measure_roofline(rank->isa(), rank->team(), options.roofline));

  const int32_t num_decode_steps = std::max(options.output_len - 1, 1);
  LatencyReport report{.prefill_seconds = median(prefill_seconds),
                       .decode_step_seconds = median(decode_seconds) / num_decode_steps,
                       .prefill_floor_seconds = floor_seconds(last.prefill_work, roofline),
                       .decode_floor_seconds = floor_seconds(last.decode_work, roofline) / num_decode_steps,
                       .roofline = roofline};
  report.prefill_tokens_per_s = int64_t{options.batch_size} * options.input_len / report.prefill_seconds;
  report.prefill_floor_fraction = report.prefill_floor_seconds / report.prefill_seconds;
  if (options.output_len > 1) {
    report.decode_tokens_per_s = options.batch_size / report.decode_step_seconds;
    report.decode_floor_fraction = report.decode_floor_seconds / report.decode_step_seconds;
  }
  return report;
}

Status run_bench_latency(const LatencyOptions& options, Logger& logger, std::FILE* out) {
  TRY(const LatencyReport report, measure_latency(options, logger));
  const Roofline& roofline = report.roofline;
  if (options.json) {
    const Json object = {{"batch_size", options.batch_size},
                         {"input_len", options.input_len},
                         {"output_len", options.output_len},
                         {"prefill_tokens_per_s", report.prefill_tokens_per_s},
                         {"decode_tokens_per_s", report.decode_tokens_per_s},
                         {"prefill_floor_fraction", report.prefill_floor_fraction},
                         {"decode_floor_fraction", report.decode_floor_fraction},
                         {"bf16_flops_per_s", roofline.bf16_flops_per_s},
                         {"f32_flops_per_s", roofline.f32_flops_per_s},
                         {"read_bytes_per_s", roofline.read_bytes_per_s},
                         {"isa", roofline.isa}};
    fmt::print(out, "{}\n", object.dump());
    return {};
  }
  fmt::print(out, "{} sequences, {} + {} tokens; {}: {:.0f} GFLOP/s bf16, {:.0f} f32, {:.1f} GB/s\n",
             options.batch_size, options.input_len, options.output_len, roofline.isa, roofline.bf16_flops_per_s / 1e9,
             roofline.f32_flops_per_s / 1e9, roofline.read_bytes_per_s / 1e9);
  fmt::print(out, "{:<10} {:>12} {:>12} {:>12} {:>10}\n", "", "tokens/s", "ms", "floor ms", "of floor");
  fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}%\n", "prefill", report.prefill_tokens_per_s,
             report.prefill_seconds * 1e3, report.prefill_floor_seconds * 1e3, report.prefill_floor_fraction * 100);
  fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}%\n", "decode", report.decode_tokens_per_s,
             report.decode_step_seconds * 1e3, report.decode_floor_seconds * 1e3, report.decode_floor_fraction * 100);
  return {};
}

}  // namespace braid
