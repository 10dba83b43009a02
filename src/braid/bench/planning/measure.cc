// Drives the queue and one group's publisher as the controller and a rank do, on one thread and without a model. Times
// are that thread's processor time, so that other load on the machine matters little. Tested by planning_test.cc.
#include <algorithm>
#include <ctime>
#include <unordered_map>
#include <utility>

#include "braid/bench/planning/planning.h"
#include "braid/bench/planning/prompts.h"
#include "braid/bench/timing.h"
#include "braid/controller/prefix_view.h"
#include "braid/controller/request_queue.h"
#include "braid/worker/group_publisher.h"

namespace braid {
namespace {

using planning::PromptSource;

// Of the calling thread.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

int64_t pages_of(int64_t num_tokens, const PlanningOptions& options) {
  return (num_tokens + options.page_size - 1) / options.page_size;
}

// Enough for the cached prompts and the average of what runs. Anything beyond that evicts old prompts.
int64_t pool_pages(const PlanningOptions& options) {
  const int64_t own_len = options.prompt_len - options.prefix_len;
  const int64_t mean_own_pages = pages_of(own_len * 5 / 8, options);
  const int64_t mean_request = options.prefix_len + own_len * 5 / 8 + options.output_len / 4;
  const int64_t cached =
      options.num_prefixes * pages_of(options.prefix_len, options) + int64_t{options.cached_prompts} * mean_own_pages;
  const int64_t longest = pages_of(int64_t{options.prompt_len} + options.output_len, options);
  return cached + std::max(int64_t{options.running} * pages_of(mean_request, options), longest + 1);
}

SchedulerConfig planning_config(const PlanningOptions& options) {
  const auto num_pages = static_cast<int32_t>(pool_pages(options));
  return {.num_pages = num_pages,
          .page_size = options.page_size,
          .context_len = static_cast<int32_t>(
              clamp_context(int64_t{options.prompt_len} + options.output_len, num_pages, options.page_size)),
          .max_running_requests = options.running,
          .chunked_prefill_size = options.chunked_prefill_size};
}

// Microseconds of each part, by step.
struct PlanningTimes {
  std::vector<double> queue;
  std::vector<double> take;
  std::vector<double> plan;
  std::vector<double> commit;
  std::vector<double> view;  // the controller's, of the prefix cache
  std::vector<double> all;
  std::vector<double> held_plan;
};

PlanningPart part_of(std::string_view name, std::vector<double> times_us) {
  if (times_us.empty()) return {.name = name};
  std::ranges::sort(times_us);
  return {.name = name,
          .median_us = percentile(times_us, 0.5),
          .p99_us = percentile(times_us, 0.99),
          .longest_us = times_us.back()};
}

class PlanningLoad {
 public:
  explicit PlanningLoad(const PlanningOptions& options)
      : options_(options), prompts_(options), publisher_(planning_config(options)), load_(publisher_.load()) {}

  // Runs every prompt once, for one token; it stays in the prefix cache.
  void fill_cache() {
    int32_t num_left = options_.cached_prompts;
    do {
      while (num_left > 0 && queue_.size() < options_.running) {
        queue_.push(prompts_.next(1));
        --num_left;
      }
      step(nullptr, true);
    } while (num_left > 0 || !queue_.empty() || num_admitted() > 0);
  }

  // Steps until as many requests decode as are to run.
  void warm_up() {
    const uint64_t longest = static_cast<uint64_t>(options_.output_len) +
                             static_cast<uint64_t>(options_.running) * static_cast<uint64_t>(options_.prompt_len) /
                                 static_cast<uint64_t>(options_.chunked_prefill_size);
    for (uint64_t i = 0; i < longest; ++i) loaded_step(nullptr, true);
  }

  PlanningReport measure() {
    PlanningTimes times;
    const SchedulerStats before = load_.scheduler;
    PlanningReport report{.num_pages = before.num_pages};
    const int64_t begun_before = num_begun_;
    // Held steps are extra, beside the measured ones; what they leave waiting starts in the next measured step.
    constexpr int32_t kHeldEvery = 8;  // ordinary steps for each held one
    for (int32_t i = 0; i < options_.steps; ++i) {
      loaded_step(&times, true);
      report.mean_running += load_.scheduler.num_running;
      if (options_.held_steps > 0 && i % (kHeldEvery * options_.held_steps) == 0) {
        for (int32_t held = 0; held < options_.held_steps; ++held) loaded_step(&times, false);
      }
    }
    const SchedulerStats after = load_.scheduler;
    const auto num_steps = static_cast<double>(options_.steps);
    const auto num_prompt_tokens = static_cast<double>(after.num_prompt_tokens - before.num_prompt_tokens);
    report.mean_running /= num_steps;
    report.mean_prompts = static_cast<double>(num_begun_ - begun_before) / num_steps;
    report.num_preemptions = static_cast<int64_t>(after.num_preemptions - before.num_preemptions);
    if (num_prompt_tokens > 0) {
      report.prefix_hit_rate =
          static_cast<double>(after.num_cached_tokens - before.num_cached_tokens) / num_prompt_tokens;
    }
    report.parts = {part_of("queue", std::move(times.queue)),
                    part_of("take", std::move(times.take)),
                    part_of("plan", std::move(times.plan)),
                    part_of("commit", std::move(times.commit)),
                    part_of("all", std::move(times.all)),
                    part_of("view", std::move(times.view)),
                    part_of("plan, held", std::move(times.held_plan))};
    return report;
  }

 private:
  int32_t num_admitted() const { return load_.scheduler.num_running + load_.scheduler.num_waiting; }

  void loaded_step(PlanningTimes* times, bool may_begin) {
    while (queue_.size() < options_.waiting + options_.running - num_admitted()) queue_.push(prompts_.next());
    step(times, may_begin);
  }

  void step(PlanningTimes* times, bool may_begin) {
    const double start_s = cpu_seconds();
    GroupCommand command;
    const auto probe = [&](const SchedulerRequest& request, std::span<PrefixProbe> by_group) {
      std::vector<uint64_t>& prefixes = prefixes_[request.id];
      if (prefixes.empty()) prefixes = view_.prefixes_of(request.prompt);
      view_.probe(prefixes, by_group);
    };
    const auto pick = [](const SchedulerRequest&, std::span<const std::optional<PrefixProbe>>) { return 0; };
    for (RequestQueue::Binding& bound : queue_.pop_admissible({load_.credits}, probe, pick, view_.versions())) {
      prefixes_.erase(bound.request.id);
      command.add.push_back(std::move(bound.request));
    }
    num_begun_ += std::ssize(command.add);
    const double bound_s = cpu_seconds();
    std::vector<GroupCommand> commands;
    if (!command.is_empty()) commands.push_back(std::move(command));
    publisher_.take(std::move(commands));
    const double taken_s = cpu_seconds();
    const std::shared_ptr<const StepPlan> plan = publisher_.plan(may_begin);
    const double planned_s = cpu_seconds();
    if (plan == nullptr) {
      load_ = publisher_.load();
      return;
    }
    const StepResult result = run(*plan);
    const double ran_s = cpu_seconds();
    const GroupOutputs outputs = publisher_.commit(result, 0);
    const double committed_s = cpu_seconds();
    load_ = outputs.load;
    view_.take(0, outputs.sequence, outputs.prefixes);
    const double viewed_s = cpu_seconds();
    if (times == nullptr) return;
    if (!may_begin) {
      times->held_plan.push_back(1e6 * (planned_s - taken_s));
      return;
    }
    times->queue.push_back(1e6 * (bound_s - start_s));
    times->take.push_back(1e6 * (taken_s - bound_s));
    times->plan.push_back(1e6 * (planned_s - taken_s));
    times->commit.push_back(1e6 * (committed_s - ran_s));
    times->view.push_back(1e6 * (viewed_s - committed_s));
    times->all.push_back(1e6 * (planned_s - start_s + committed_s - ran_s));
  }

  StepResult run(const StepPlan& plan) {
    StepResult result{.step = plan.step};
    for (const SequencePlan& sequence : plan.sequences) {
      if (!sequence.has_result()) continue;
      result.sequences.push_back({.request = sequence.request});
      result.sequences.back().sampled.token = prompts_.token();
    }
    return result;
  }

  const PlanningOptions options_;
  PromptSource prompts_;
  GroupPublisher publisher_;
  RequestQueue queue_{SchedulePolicy::kFcfs};
  PrefixView view_{1};
  std::unordered_map<RequestId, std::vector<uint64_t>> prefixes_;  // of waiting requests that were looked up
  GroupLoad load_;                                                 // the publisher's load as the controller knows it
  int64_t num_begun_ = 0;
};

}  // namespace

Result<PlanningReport> measure_planning(const PlanningOptions& options) {
  if (options.prefix_len >= options.prompt_len) {
    return fail("--prefix-len {}: must be below --prompt-len {}", options.prefix_len, options.prompt_len);
  }
  constexpr int64_t kMaxPages = int64_t{1} << 24;
  if (const int64_t num_pages = pool_pages(options); num_pages > kMaxPages) {
    return fail("the prompts and requests need {} KV pages: at most {}", num_pages, kMaxPages);
  }
  PlanningLoad load(options);
  load.fill_cache();
  load.warm_up();
  return load.measure();
}

}  // namespace braid
