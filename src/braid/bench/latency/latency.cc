#include "braid/bench/latency/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "braid/api/text_model.h"
#include "braid/base/clock.h"
#include "braid/base/index_range.h"
#include "braid/base/system_info.h"
#include "braid/base/thread_team.h"
#include "braid/bench/latency/step_roofline.h"
#include "braid/bench/timing.h"
#include "braid/scheduler/static_page_tables.h"
#include "braid/worker/rank_set.h"
#include "braid/worker/step_protocol.h"

namespace braid {
namespace {

int32_t group_share(int32_t batch_size, int32_t group, int32_t num_groups) {
  const IndexRange share = split_evenly(batch_size, group, num_groups);
  return static_cast<int32_t>(share.end - share.begin);
}

// One group's share of the sequences, with pages of their own, planned as the scheduler would without a cache.
class Batch {
 public:
  Batch(const LatencyOptions& options, const SchedulerConfig& scheduler, int64_t vocab_size, int32_t group,
        int32_t num_groups)
      : options_(options),
        chunk_(scheduler.chunked_prefill_size),
        pages_(scheduler, options.input_len + options.output_len) {
    std::mt19937_64 random(options.seed + static_cast<uint64_t>(group));
    const int32_t batch_size = group_share(options.batch_size, group, num_groups);
    for (int32_t i = 0; i < batch_size; ++i) {
      std::vector<TokenId> tokens(static_cast<size_t>(options.input_len + options.output_len));
      for (TokenId& id : tokens) id = static_cast<TokenId>(random() % static_cast<uint64_t>(vocab_size));
      tokens_.push_back(std::move(tokens));
    }
  }

  // Chunks of prompts; each step is filled to the chunk size with as many prompts as fit.
  std::vector<StepPlan> prefill_plans() const {
    std::vector<StepPlan> plans(1);
    int32_t room = chunk_;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      for (int32_t first = 0; first < options_.input_len;) {
        if (room == 0) {
          plans.emplace_back();
          room = chunk_;
        }
        const int32_t count = std::min(room, options_.input_len - first);
        const auto begin = tokens_[i].begin() + first;
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
    const int32_t position = options_.input_len + output_index - 1;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      plan.sequences.push_back(sequence(i, {tokens_[i][static_cast<size_t>(position)]}, position, true));
    }
    return plan;
  }

 private:
  SequencePlan sequence(size_t index, std::vector<TokenId> tokens, int32_t first_position, bool samples) const {
    const int64_t end = first_position + std::ssize(tokens);
    SequencePlan plan{.request = index,
                      .new_tokens = std::move(tokens),
                      .first_position = first_position,
                      .page_tables = pages_.tables(static_cast<int64_t>(index), first_position, end),
                      .samples = samples};
    plan.sampling.params.temperature = 0;
    return plan;
  }

  const LatencyOptions& options_;
  int32_t chunk_;
  StaticPageTables pages_;
  std::vector<std::vector<TokenId>>
      tokens_;  // prompts and outputs; outputs are drawn too, so that every rank knows them
};

struct Run {
  double prefill_seconds = 0;
  double decode_seconds = 0;
  int64_t prefill_page_faults = 0;
  int64_t decode_page_faults = 0;
  StepWork prefill_work;
  StepWork decode_work;
};

// The members of Run that receive a step's figures.
struct StepFigures {
  double Run::*seconds;
  int64_t Run::*page_faults;
  StepWork Run::*work;
};
constexpr StepFigures kPrefillFigures = {&Run::prefill_seconds, &Run::prefill_page_faults, &Run::prefill_work};
constexpr StepFigures kDecodeFigures = {&Run::decode_seconds, &Run::decode_page_faults, &Run::decode_work};

void append(StepWork& all, const StepWork& one) {
  all.operations.insert(all.operations.end(), one.operations.begin(), one.operations.end());
}

// The plans of all groups of a world for one step. They depend only on lengths, so every rank knows them.
struct PlannedStep {
  std::vector<StepPlan> groups;
  WorldStep shape;
};

PlannedStep plan_step(const std::vector<Batch>& batches, const std::vector<std::vector<StepPlan>>& prefills,
                      size_t number, int32_t output_index) {
  PlannedStep step{.groups = {}, .shape = {.number = static_cast<int64_t>(number) + 1}};
  for (size_t i = 0; i < batches.size(); ++i) {
    const bool is_prefill = output_index == 0;
    StepPlan plan;
    if (!is_prefill) plan = batches[i].decode_plan(output_index);
    if (is_prefill && number < prefills[i].size()) plan = prefills[i][number];
    step.shape.group_tokens.push_back(static_cast<int32_t>(plan.num_tokens()));
    step.shape.num_logit_rows = std::max(step.shape.num_logit_rows, num_logit_rows(plan));
    step.groups.push_back(std::move(plan));
  }
  return step;
}

// One rank's part: all steps of the run, in step with the other ranks. `run` is null for all ranks but one.
Status run_rank(const LatencyOptions& options, RankSet& ranks, Rank& rank, int32_t world, Run* run) {
  const ParallelLayout& layout = ranks.layout();
  const auto own = static_cast<size_t>(rank.place().attn_dp_rank);
  std::vector<Batch> batches;
  std::vector<std::vector<StepPlan>> prefills;
  size_t num_prefills = 0;
  for (int32_t group = 0; group < layout.groups_per_world(); ++group) {
    batches.emplace_back(options, ranks.scheduler_config(), ranks.config().vocab_size,
                         world * layout.groups_per_world() + group, layout.num_groups());
    prefills.push_back(batches.back().prefill_plans());
    num_prefills = std::max(num_prefills, prefills.back().size());
  }
  const auto step = [&](size_t number, int32_t output_index, const StepFigures& figures) -> Status {
    const PlannedStep planned = plan_step(batches, prefills, number, output_index);
    const int64_t faults = page_faults();
    const double start = monotonic_seconds();
    TRY_STATUS(rank.execute(planned.groups[own], planned.shape));
    if (run == nullptr) return {};
    run->*figures.seconds += monotonic_seconds() - start;
    run->*figures.page_faults += page_faults() - faults;
    StepPlan all;  // of this world
    for (const StepPlan& plan : planned.groups) {
      all.sequences.insert(all.sequences.end(), plan.sequences.begin(), plan.sequences.end());
    }
    append(run->*figures.work,
           work_of_step(ranks.config(), ranks.dtype(), ranks.kv_dtype(), all, rank.touched_experts()));
    return {};
  };
  for (size_t i = 0; i < num_prefills && !options.skip_prefill; ++i) {
    TRY_STATUS(step(i, 0, kPrefillFigures));
  }
  for (int32_t i = 1; i < options.output_len; ++i) {
    TRY_STATUS(step(num_prefills + static_cast<size_t>(i), i, kDecodeFigures));
  }
  return {};
}

// Measured on the first rank; all ranks of a world take equally long.
Result<Run> run_once(const LatencyOptions& options, RankSet& ranks) {
  Run run;
  TRY_STATUS(ranks.on_all_ranks([&](Rank& rank, int32_t world) {
    return run_rank(options, ranks, rank, world, &rank == &ranks.first() ? &run : nullptr);
  }));
  return run;
}

// A peak that was once sustained counts. The bandwidth is taken between the runs, since a shared machine's changes from
// second to second.
Roofline ceilings_of(const Roofline& a, const Roofline& b, std::vector<double> readings) {
  readings.push_back(b.read_bytes_per_s);
  return {.bf16_flops_per_s = std::max(a.bf16_flops_per_s, b.bf16_flops_per_s),
          .f32_flops_per_s = std::max(a.f32_flops_per_s, b.f32_flops_per_s),
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
                          {"dtype", dtype_name(operation.dtype)}});
  }
  return operations;
}

// Refuses options that no model could run.
Status check_options(const LatencyOptions& options) {
  if (options.batch_size > options.engine.rank.max_running_requests) {
    return fail("--batch-size {} is above --max-running-requests {}", options.batch_size,
                options.engine.rank.max_running_requests);
  }
  if (options.skip_prefill && options.output_len < 2) {
    return fail("--skip-prefill with --output-len {}: the first token comes from the prefill; must be at least 2",
                options.output_len);
  }
  return {};
}

Status check_room(const LatencyOptions& options, const SchedulerConfig& config, int32_t num_groups) {
  const int64_t len = int64_t{options.input_len} + options.output_len;
  if (len > config.context_len) {
    return fail("--input-len + --output-len is {}, the context is {} tokens", len, config.context_len);
  }
  return StaticPageTables(config, len).check_room((options.batch_size + num_groups - 1) / num_groups);
}

}  // namespace

Result<LatencyReport> measure_latency(const LatencyOptions& options, std::shared_ptr<Logger> logger) {
  TRY_STATUS(check_options(options));
  TRY(const Checkpoint checkpoint, open_checkpoint(options.engine.source));
  TRY(const auto ranks, RankSet::load(checkpoint, options.engine.rank, std::move(logger), {}));
  TRY_STATUS(check_room(options, ranks->scheduler_config(), ranks->layout().num_groups()));

  // As many threads as all ranks together.
  ThreadTeam team(ranks->first().team().size() * ranks->layout().num_ranks());
  const Roofline before = measure_roofline(ranks->isa(), team, options.roofline);
  TRY(Run last, run_once(options, *ranks));                           // commits the KV pages and warms up
  TRY_STATUS(ranks->on_all_ranks([](Rank& rank, int32_t) -> Status {  // as a server's ranks do while no requests come
    while (rank.use_idle_time()) {
    }
    return {};
  }));
  std::vector<double> prefill_seconds;
  std::vector<double> decode_seconds;
  int64_t prefill_page_faults = 0;
  int64_t decode_page_faults = 0;
  std::vector<double> readings;
  for (int32_t i = 0; i < options.repeats; ++i) {
    readings.push_back(measure_read_bandwidth(team, options.roofline.read_bytes, options.roofline.seconds));
    TRY(last, run_once(options, *ranks));
    prefill_seconds.push_back(last.prefill_seconds);
    decode_seconds.push_back(last.decode_seconds);
    prefill_page_faults += last.prefill_page_faults;
    decode_page_faults += last.decode_page_faults;
  }
  const Roofline after = measure_roofline(ranks->isa(), team, options.roofline);
  const Roofline roofline = ceilings_of(before, after, std::move(readings));

  const int32_t num_decode_steps = std::max(options.output_len - 1, 1);
  LatencyReport report{.prefill_seconds = median(prefill_seconds),
                       .decode_step_seconds = median(decode_seconds) / num_decode_steps,
                       .prefill_roofline_seconds = roofline_seconds(last.prefill_work, roofline),
                       .decode_roofline_seconds = roofline_seconds(last.decode_work, roofline) / num_decode_steps,
                       .prefill_page_faults = static_cast<double>(prefill_page_faults) / options.repeats,
                       .decode_page_faults_per_step =
                           static_cast<double>(decode_page_faults) / (int64_t{options.repeats} * num_decode_steps),
                       .num_decode_steps = options.output_len - 1,
                       .prefill_work = std::move(last.prefill_work),
                       .decode_work = std::move(last.decode_work),
                       .roofline = roofline};
  if (!options.skip_prefill) {
    report.prefill_tokens_per_s = int64_t{options.batch_size} * options.input_len / report.prefill_seconds;
    report.prefill_roofline_fraction = report.prefill_roofline_seconds / report.prefill_seconds;
  }
  if (options.output_len > 1) {
    report.decode_tokens_per_s = options.batch_size / report.decode_step_seconds;
    report.decode_roofline_fraction = report.decode_roofline_seconds / report.decode_step_seconds;
  }
  return report;
}

Status run_bench_latency(const LatencyOptions& options, std::shared_ptr<Logger> logger, std::FILE* out) {
  TRY(const LatencyReport report, measure_latency(options, std::move(logger)));
  const Roofline& roofline = report.roofline;
  if (options.json) {
    const Json object = {{"batch_size", options.batch_size},
                         {"input_len", options.input_len},
                         {"output_len", options.output_len},
                         {"prefill_tokens_per_s", report.prefill_tokens_per_s},
                         {"decode_tokens_per_s", report.decode_tokens_per_s},
                         {"prefill_floor_fraction", report.prefill_roofline_fraction},
                         {"decode_floor_fraction", report.decode_roofline_fraction},
                         {"prefill_page_faults", report.prefill_page_faults},
                         {"decode_page_faults_per_step", report.decode_page_faults_per_step},
                         {"num_decode_steps", report.num_decode_steps},
                         {"prefill_work", to_json(report.prefill_work)},
                         {"decode_work", to_json(report.decode_work)},
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
  fmt::print(out, "{:<10} {:>12} {:>12} {:>12} {:>10} {:>12}\n", "", "tokens/s", "ms", "floor ms", "of floor",
             "page faults");
  if (!options.skip_prefill) {
    fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}% {:>12.2f}\n", "prefill",
               report.prefill_tokens_per_s, report.prefill_seconds * 1e3, report.prefill_roofline_seconds * 1e3,
               report.prefill_roofline_fraction * 100, report.prefill_page_faults);
  }
  fmt::print(out, "{:<10} {:>12.1f} {:>12.2f} {:>12.2f} {:>9.1f}% {:>12.2f}\n", "decode", report.decode_tokens_per_s,
             report.decode_step_seconds * 1e3, report.decode_roofline_seconds * 1e3,
             report.decode_roofline_fraction * 100, report.decode_page_faults_per_step);
  return {};
}

}  // namespace braid
