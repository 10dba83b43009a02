// Sends the requests through the virtual engine, and notes when their tokens come. Tested by simulate_test.cc.
#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>

#include "braid/bench/simulate/arrivals.h"
#include "braid/bench/simulate/faults.h"
#include "braid/bench/simulate/simulate.h"
#include "braid/bench/simulate/virtual_engine.h"
#include "braid/bench/timing.h"

namespace braid {
namespace {

using simulate::Arrival;
using simulate::Arrivals;
using simulate::ControllerCost;
using simulate::Faults;
using simulate::VirtualEngine;

constexpr int32_t kSimulatedPageSize = simulate::StepCost().page_size;
constexpr std::array<int32_t, 3> kRangesFrom = {1, 256, 4096};  // of prompts' lengths
constexpr int64_t kMostQueuedOfAGroup = 2'500;
constexpr size_t kNumParts = 7;  // of the arrivals' time

SimulatedTimes times_of(std::vector<double>& values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {.count = std::ssize(values),
          .p50 = percentile(values, 0.5),
          .p99 = percentile(values, 0.99),
          .longest = values.back()};
}

int64_t longest_request(const SimulateOptions& options) {
  return int64_t{options.system_prompt_len} + std::max(options.longest_prompt, options.long_prompt_len) +
         options.longest_output;
}

SchedulerConfig scheduler_of(const SimulateOptions& options) {
  const int32_t num_pages = options.kv_tokens / kSimulatedPageSize;
  return {.num_pages = num_pages,
          .page_size = kSimulatedPageSize,
          .context_len = static_cast<int32_t>(clamp_context(longest_request(options), num_pages, kSimulatedPageSize)),
          .max_running_requests = options.max_running_requests,
          .chunked_prefill_size = options.chunked_prefill_size,
          .overtaking_price = options.overtaking_price,
          .positions_of_a_token =
              static_cast<int32_t>(std::clamp(1e3 * options.cost.token_us / options.cost.pair_ns, 1.0, 1e9))};
}

class SimulatedRun {
 public:
  SimulatedRun(const SimulateOptions& options, int32_t prefill_alignment)
      : options_(options),
        arrivals_(options),
        faults_(options, arrivals_end_s(options)),
        engine_(options, scheduler_of(options), prefill_alignment) {
    report_.prefill_alignment = prefill_alignment;
    for (size_t i = 0; i < kRangesFrom.size(); ++i) {
      const int32_t longest = std::max(options.longest_prompt, options.long_prompt_len);
      report_.prompts.push_back({.shortest = std::max(kRangesFrom[i], i == 0 ? options.shortest_prompt : 0),
                                 .longest = i + 1 < kRangesFrom.size() ? kRangesFrom[i + 1] - 1 : longest});
    }
  }

  Result<SimulateReport> run() {
    while (true) {
      carry_out_faults();
      const std::optional<double> end_s = engine_.begin_step();
      note_parts();
      const auto next_s = arrivals_.next_s();
      if (!end_s && !next_s && engine_.num_queued() == 0) break;
      if (!end_s) {
        const auto fault_s = faults_.next_s();
        if (fault_s && *fault_s <= next_s.value_or(*fault_s)) {
          engine_.wait_until(*fault_s);
        } else {
          submit();
        }
        continue;
      }
      while (arrivals_.next_s().value_or(*end_s) < *end_s) submit();
      engine_.end_step();
      if (engine_.num_queued() > kMostQueuedOfAGroup * std::max(4, options_.groups)) {
        return fail("--request-rate {}: {} requests wait after {:.0f} s; the groups cannot keep up",
                    options_.request_rate, engine_.num_queued(), engine_.now_s());
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  struct Stream {
    double submitted_s = 0;
    int64_t first_step = 0;  // the number of steps that had ended when it came
    size_t range = 0;
    double last_s = 0;
    bool has_token = false;
    std::optional<double> lost_s = {};  // when its group was, until its next token
  };

  static double arrivals_end_s(const SimulateOptions& options) {
    if (options.num_requests == 0) return options.duration_s;
    return std::min(options.duration_s, static_cast<double>(options.num_requests) / options.request_rate);
  }

  // A replica that is lost already is not lost again.
  void carry_out_faults() {
    while (const auto event = faults_.take(engine_.now_s())) {
      if (event->is_loss == engine_.is_lost(event->first_group)) continue;
      if (!event->is_loss) {
        engine_.restart(event->first_group, options_.groups_per_replica);
        continue;
      }
      ++report_.recovery.num_faults;
      for (const RequestId id : engine_.lose(event->first_group, options_.groups_per_replica)) {
        const auto found = streams_.find(id);  // not there: it was set aside
        if (found != streams_.end() && !found->second->lost_s) found->second->lost_s = engine_.now_s();
      }
    }
  }

  void submit() {
    Arrival arrival = arrivals_.take();
    auto stream = std::make_shared<Stream>();
    stream->submitted_s = arrival.at_s;
    stream->first_step = engine_.num_steps();
    while (stream->range + 1 < kRangesFrom.size() && arrival.own_len >= kRangesFrom[stream->range + 1]) {
      ++stream->range;
    }
    auto submission = std::make_shared<Submission>();
    submission->id = static_cast<SubmissionId>(++report_.num_requests);
    submission->submitted_s = arrival.at_s;
    submission->request.prompt = std::move(arrival.prompt);
    submission->request.sampling.max_new_tokens = arrival.output_len;
    // With one choice a submission, requests are numbered alike.
    submission->on_delta = [this, id = submission->id, stream](const Delta& delta) { take(id, *stream, delta); };
    streams_.emplace(submission->id, std::move(stream));
    engine_.submit(submission);
  }

  void take(SubmissionId id, Stream& stream, const Delta& delta) {
    if (delta.finish == FinishReason::kError) ++report_.recovery.num_failed;
    if (!delta.tokens.empty()) take_tokens(stream, delta);
    if (delta.finish != FinishReason::kNone) streams_.erase(id);
  }

  void take_tokens(Stream& stream, const Delta& delta) {
    if (stream.lost_s) next_token_s_.push_back(engine_.now_s() - *std::exchange(stream.lost_s, std::nullopt));
    const double now_s = engine_.now_s();
    num_output_tokens_ += std::ssize(delta.tokens);
    if (stream.has_token) {
      gaps_s_.push_back(now_s - stream.last_s);
    } else {
      first_token_s_[stream.range].push_back(now_s - stream.submitted_s);
      first_token_steps_[stream.range].push_back(static_cast<double>(engine_.num_steps() - stream.first_step));
    }
    stream.has_token = true;
    stream.last_s = now_s;
  }

  // Notes each group's tokens at the end of each part of the arrivals' time.
  void note_parts() {
    const double part_s = arrivals_end_s(options_) / static_cast<double>(kNumParts);
    while (tokens_at_.size() <= kNumParts && engine_.now_s() >= part_s * static_cast<double>(tokens_at_.size())) {
      tokens_at_.push_back(tokens_of_groups());
    }
  }
  std::vector<double> tokens_of_groups() const {
    std::vector<double> tokens;
    for (int32_t group = 0; group < engine_.num_groups(); ++group) {
      tokens.push_back(static_cast<double>(engine_.load(group).num_step_tokens));
    }
    return tokens;
  }

  void finish() {
    while (tokens_at_.size() <= kNumParts) tokens_at_.push_back(tokens_of_groups());
    for (size_t part = 1; part < tokens_at_.size(); ++part) {
      double most = 0;
      double sum = 0;
      for (size_t group = 0; group < tokens_at_[part].size(); ++group) {
        const double tokens = tokens_at_[part][group] - tokens_at_[part - 1][group];
        most = std::max(most, tokens);
        sum += tokens;
      }
      report_.fullest.push_back(sum > 0 ? most * static_cast<double>(tokens_at_[part].size()) / sum : 1);
    }
    SchedulerStats all;
    double step_tokens = 0;
    double longest_tokens = 0;
    for (int32_t group = 0; group < engine_.num_groups(); ++group) {
      const GroupLoad load = engine_.load(group);
      all += load.scheduler;
      step_tokens += static_cast<double>(load.num_step_tokens);
      longest_tokens += static_cast<double>(load.num_longest_tokens);
      report_.groups.push_back({.num_requests = engine_.num_requests(group),
                                .num_tokens = static_cast<int64_t>(load.num_step_tokens),
                                .hit_rate = hit_rate_of(load.scheduler),
                                .own_s = engine_.own_s(group),
                                .slowness = engine_.seen_slowness(group)});
    }
    report_.num_steps = engine_.num_steps();
    report_.num_preemptions = static_cast<int64_t>(all.num_preemptions);
    report_.num_moves = engine_.num_moves();
    report_.num_copies = engine_.num_copies();
    report_.seconds = engine_.now_s();
    report_.busy_share = report_.seconds > 0 ? engine_.busy_s() / report_.seconds : 0;
    report_.output_tokens_per_s = report_.seconds > 0 ? static_cast<double>(num_output_tokens_) / report_.seconds : 0;
    report_.balance = longest_tokens > 0 ? step_tokens / longest_tokens : 1;
    report_.balance_at_best = engine_.balances().at_best();
    report_.balance_of_time = engine_.balances().of_time();
    report_.balance_of_window = engine_.balances().of_window();
    report_.hit_rate = hit_rate_of(all);
    report_.between_tokens_s = times_of(gaps_s_);
    report_.recovery.next_token_s = times_of(next_token_s_);
    note_controller();
    for (size_t range = 0; range < kRangesFrom.size(); ++range) {
      report_.prompts[range].first_token_s = times_of(first_token_s_[range]);
      report_.prompts[range].first_token_steps = times_of(first_token_steps_[range]);
    }
    std::erase_if(report_.prompts, [](const SimulatedPrompts& prompts) { return prompts.first_token_s.count == 0; });
  }
  void note_controller() {
    ControllerCost cost = engine_.cost();
    const auto per = [](double amount, int64_t count) {
      return amount / static_cast<double>(std::max<int64_t>(1, count));
    };
    report_.controller = {
        .cpu_us_a_request = per(cost.requests_us, report_.num_requests),
        .turn_us = times_of(cost.turns_us),
        .outputs_us_a_token = per(cost.outputs_us, num_output_tokens_),
        .outputs_us_a_step = per(cost.outputs_us, report_.num_steps),
        .broadcast_bytes = engine_.broadcast_bytes(),
        .broadcast_bytes_a_request = per(static_cast<double>(engine_.broadcast_bytes()), report_.num_requests),
        .view_bytes = engine_.view_bytes()};
  }
  static double hit_rate_of(const SchedulerStats& stats) {
    if (stats.num_prompt_tokens == 0) return 0;
    return static_cast<double>(stats.num_cached_tokens) / static_cast<double>(stats.num_prompt_tokens);
  }

  const SimulateOptions options_;
  Arrivals arrivals_;
  Faults faults_;
  VirtualEngine engine_;
  SimulateReport report_;
  std::unordered_map<SubmissionId, std::shared_ptr<Stream>> streams_;  // not ended
  std::vector<double> gaps_s_;
  std::vector<double> next_token_s_;  // of those interrupted by a fault
  std::array<std::vector<double>, kRangesFrom.size()> first_token_s_;
  std::array<std::vector<double>, kRangesFrom.size()> first_token_steps_;
  std::vector<std::vector<double>> tokens_at_;
  int64_t num_output_tokens_ = 0;
};

}  // namespace

Result<std::vector<SimulateReport>> measure_simulate(const SimulateOptions& options) {
  if (options.shortest_prompt > options.longest_prompt) {
    return fail("--shortest-prompt {}: at most --longest-prompt {}", options.shortest_prompt, options.longest_prompt);
  }
  if (options.shortest_output > options.longest_output) {
    return fail("--shortest-output {}: at most --longest-output {}", options.shortest_output, options.longest_output);
  }
  if (longest_request(options) > options.kv_tokens) {
    return fail("--kv-tokens {}: the longest request has {}", options.kv_tokens, longest_request(options));
  }
  if (options.groups % options.groups_per_replica != 0) {
    return fail("--groups-per-replica {}: does not divide --groups {}", options.groups_per_replica, options.groups);
  }
  if (options.slow_groups > options.groups) {
    return fail("--slow-groups {}: there are {} --groups", options.slow_groups, options.groups);
  }
  std::vector<SimulateReport> reports;
  for (const int32_t prefill_alignment : options.prefill_alignment) {
    TRY(SimulateReport report, SimulatedRun(options, prefill_alignment).run());
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace braid
