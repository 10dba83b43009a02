#include "braid/bench/latency/batch_run.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/index_range.h"
#include "braid/base/system_info.h"
#include "braid/scheduler/static_page_tables.h"
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
  Batch(const BatchShape& shape, const SchedulerConfig& scheduler, int64_t vocab_size, int32_t group,
        int32_t num_groups)
      : shape_(shape), chunk_(scheduler.chunked_prefill_size), pages_(scheduler, shape.input_len + shape.output_len) {
    std::mt19937_64 random(shape.seed + static_cast<uint64_t>(group));
    const int32_t batch_size = group_share(shape.batch_size, group, num_groups);
    for (int32_t i = 0; i < batch_size; ++i) {
      std::vector<TokenId> tokens(static_cast<size_t>(shape.input_len + shape.output_len));
      for (TokenId& id : tokens) id = static_cast<TokenId>(random() % static_cast<uint64_t>(vocab_size));
      tokens_.push_back(std::move(tokens));
    }
  }

  // Chunks of prompts; each step is filled to the chunk size with as many prompts as fit.
  std::vector<StepPlan> prefill_plans() const {
    std::vector<StepPlan> plans(1);
    int32_t room = chunk_;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      for (int32_t first = 0; first < shape_.input_len;) {
        if (room == 0) {
          plans.emplace_back();
          room = chunk_;
        }
        const int32_t count = std::min(room, shape_.input_len - first);
        const auto begin = tokens_[i].begin() + first;
        plans.back().sequences.push_back(sequence(i, {begin, begin + count}, first, first + count == shape_.input_len));
        first += count;
        room -= count;
      }
    }
    return plans;
  }

  StepPlan decode_plan(int32_t output_index) const {
    StepPlan plan;
    const int32_t position = shape_.input_len + output_index - 1;
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

  const BatchShape& shape_;
  int32_t chunk_;
  StaticPageTables pages_;
  std::vector<std::vector<TokenId>>
      tokens_;  // prompts and outputs; outputs are drawn too, so that every rank knows them
};

void append(StepWork& all, const StepWork& one) {
  all.operations.insert(all.operations.end(), one.operations.begin(), one.operations.end());
}

// The plans of all groups of a world for one step. They depend only on lengths, so every rank knows them.
struct PlannedStep {
  std::vector<StepPlan> groups;
  WorldStep shape;
};

PlannedStep plan_step(const std::vector<Batch>& batches, const std::vector<std::vector<StepPlan>>& prefills,
                      size_t number, int32_t output_index, bool in_halves) {
  PlannedStep step{.groups = {}, .shape = {.number = static_cast<int64_t>(number) + 1, .in_halves = in_halves}};
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
Status run_rank(const BatchShape& shape, RankSet& ranks, Rank& rank, int32_t world,
                std::span<const WeightProduct> products, BatchRun* run) {
  const ParallelLayout& layout = ranks.layout();
  const auto own = static_cast<size_t>(rank.place().attn_dp_rank);
  std::vector<Batch> batches;
  std::vector<std::vector<StepPlan>> prefills;
  size_t num_prefills = 0;
  for (int32_t group = 0; group < layout.groups_per_world(); ++group) {
    batches.emplace_back(shape, ranks.scheduler_config(), ranks.config().vocab_size,
                         world * layout.groups_per_world() + group, layout.num_groups());
    prefills.push_back(batches.back().prefill_plans());
    num_prefills = std::max(num_prefills, prefills.back().size());
  }
  const auto step = [&](size_t number, int32_t output_index, PhaseRun BatchRun::*phase) -> Status {
    const PlannedStep planned = plan_step(batches, prefills, number, output_index, shape.in_halves);
    const int64_t faults = page_faults();
    const double start = monotonic_seconds();
    TRY_STATUS(rank.execute(planned.groups[own], planned.shape));
    if (run == nullptr) return {};
    PhaseRun& figures = run->*phase;
    figures.step_seconds.push_back(monotonic_seconds() - start);
    figures.page_faults += page_faults() - faults;
    StepPlan all;  // of this world
    for (const StepPlan& plan : planned.groups) {
      all.sequences.insert(all.sequences.end(), plan.sequences.begin(), plan.sequences.end());
    }
    append(figures.work, work_of_step(ranks.config(), products, ranks.kv_dtype(), all, rank.touched_experts()));
    return {};
  };
  for (size_t i = 0; i < num_prefills && !shape.skip_prefill; ++i) {
    TRY_STATUS(step(i, 0, &BatchRun::prefill));
  }
  for (int32_t i = 1; i < shape.output_len; ++i) {
    TRY_STATUS(step(num_prefills + static_cast<size_t>(i), i, &BatchRun::decode));
  }
  return {};
}

}  // namespace

double PhaseRun::seconds() const {
  return std::accumulate(step_seconds.begin(), step_seconds.end(), 0.0);
}

Status check_room(const BatchShape& shape, const RankSet& ranks) {
  const SchedulerConfig& config = ranks.scheduler_config();
  const int64_t len = int64_t{shape.input_len} + shape.output_len;
  if (len > config.context_len) {
    return fail("--input-len + --output-len is {}, the context is {} tokens", len, config.context_len);
  }
  const int32_t num_groups = ranks.layout().num_groups();
  return StaticPageTables(config, len).check_room((shape.batch_size + num_groups - 1) / num_groups);
}

Result<BatchRun> run_batch(const BatchShape& shape, RankSet& ranks, std::span<const WeightProduct> products) {
  BatchRun run;
  TRY_STATUS(ranks.on_all_ranks([&](Rank& rank, int32_t world) {
    return run_rank(shape, ranks, rank, world, products, &rank == &ranks.first() ? &run : nullptr);
  }));
  return run;
}

}  // namespace braid
