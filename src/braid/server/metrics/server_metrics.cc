#include "braid/server/metrics/server_metrics.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/server/metrics/exposition.h"
#include "braid/server/metrics/image_metrics.h"

namespace braid::metrics {
namespace {

// In seconds: from one step of a tiny model to a long answer on a slow machine.
std::vector<double> token_bounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5};
}
std::vector<double> request_bounds() {
  return {0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 120, 240, 480, 960};
}

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

// The groups of a world take part in the same steps: one of each world is counted, idle ones included.
ExchangeCounts counts_of_worlds(const EngineStats& engine) {
  const size_t num_worlds = std::max<size_t>(engine.worlds.size(), 1);
  const size_t groups_per_world = std::max<size_t>(engine.groups.size() / num_worlds, 1);
  ExchangeCounts counts;
  for (size_t group = 0; group < engine.groups.size(); group += groups_per_world) {
    counts += engine.groups[group].exchange;
  }
  return counts;
}

std::vector<std::pair<std::string, double>> padding_steps(const ExchangeCounts& counts) {
  std::vector<std::pair<std::string, double>> steps;
  for (size_t mode = 0; mode < kNumPaddingModes; ++mode) {
    steps.emplace_back(padding_mode_name(static_cast<DpPaddingMode>(mode)),
                       static_cast<double>(counts.steps_by_padding[mode]));
  }
  return steps;
}

std::vector<double> bytes_by_group(const EngineStats& engine, uint64_t ExchangeCounts::*bytes) {
  std::vector<double> values;
  for (const GroupLoad& load : engine.groups) values.push_back(static_cast<double>(load.exchange.*bytes));
  if (values.empty()) values.push_back(0);
  return values;
}

}  // namespace

ServerMetrics::ServerMetrics(std::string prefix, std::string model_name)
    : prefix_(std::move(prefix)),
      model_name_(std::move(model_name)),
      first_token_(request_bounds()),
      inter_token_(token_bounds()),
      end_to_end_(request_bounds()),
      queue_time_(request_bounds()) {}

void ServerMetrics::record(const RequestRecord& record) {
  const std::lock_guard lock(mutex_);
  if (record.first_token_s) first_token_.observe(*record.first_token_s);
  if (record.inter_token_s) inter_token_.observe(*record.inter_token_s);
  if (record.queue_s) queue_time_.observe(*record.queue_s);
  end_to_end_.observe(record.end_to_end_s);
  prompt_tokens_ += record.prompt_tokens;
  cached_tokens_ += record.cached_tokens;
  output_tokens_ += record.output_tokens;
  ++num_requests_;
  if (record.was_aborted) ++num_aborted_;
}

std::string ServerMetrics::render(const ServerState& now) const {
  const EngineStats& engine = now.engine;
  const SchedulerStats& scheduler = engine.scheduler;
  const auto by_group = [&](FunctionRef<double(const SchedulerStats&)> value) {
    std::vector<double> values;
    for (const GroupLoad& load : engine.groups) values.push_back(value(load.scheduler));
    if (values.empty()) values.push_back(0);  // the model is still being loaded
    return values;
  };
  const auto moves_by_group = [&](uint64_t GroupMoves::*count) {
    std::vector<double> values;
    for (const GroupMoves& moves : engine.moves) values.push_back(static_cast<double>(moves.*count));
    if (values.empty()) values.push_back(0);
    return values;
  };
  // Pages that only the prefix cache holds count as free.
  const auto usage = [](const SchedulerStats& group) {
    return ratio(group.num_pages - group.num_free_pages - group.num_cached_pages, group.num_pages);
  };
  const double pool_tokens =
      ratio(static_cast<double>(engine.num_kv_tokens), static_cast<double>(engine.groups.size()));

  const std::lock_guard lock(mutex_);
  Exposition out(prefix_, {{"model_name", model_name_}});
  out.info("server_info", "Version and layout, as labels.",
           {{"version", now.version},
            {"tp_size", std::to_string(now.layout.tp_size)},
            {"dp_size", std::to_string(now.layout.dp_size)},
            {"enable_dp_attention", now.layout.enable_dp_attention ? "true" : "false"},
            {"num_nodes", std::to_string(now.cluster.nodes.size())}});
  out.histogram("time_to_first_token_seconds", "Time from a request's arrival to its first token.", first_token_);
  out.histogram("inter_token_latency_seconds", "Mean time between the tokens of a request's choices.", inter_token_);
  out.histogram("e2e_request_latency_seconds", "Time from a request's arrival to its end.", end_to_end_);
  out.histogram("queue_time_seconds", "Time from a request's arrival to its first step.", queue_time_);
  out.gauge_by_group("num_running_reqs", "Requests that hold KV cache.",
                     by_group([](const SchedulerStats& group) { return static_cast<double>(group.num_running); }));
  out.gauge("num_queue_reqs", "Requests that wait.", static_cast<double>(engine.num_queued + scheduler.num_waiting));
  out.gauge_by_group("token_usage", "Share of the KV cache that running requests hold.", by_group(usage));
  out.gauge_by_group("num_used_tokens", "Tokens of KV cache that running requests hold.",
                     by_group([&](const SchedulerStats& group) { return usage(group) * pool_tokens; }));
  out.gauge_by_group("cache_hit_rate", "Share of prompt tokens that the prefix cache served, since the start.",
                     by_group([](const SchedulerStats& group) {
                       return ratio(static_cast<double>(group.num_cached_tokens),
                                    static_cast<double>(group.num_prompt_tokens));
                     }));
  if (engine.groups.size() > 1) {
    out.gauge("dp_balance_ratio", "Mean over maximum of the DP groups' tokens a step, since the start.",
              engine.balance.ratio());
    std::vector<double> own_s;
    for (const GroupLoad& group : engine.groups) own_s.push_back(group.own_seconds);
    out.counter_by_group("dp_own_work_seconds_total",
                         "Time of a DP group's own work in steps, without waiting for other groups.", own_s);
    out.gauge_by_group("dp_measured_slowness", "Times the seconds of a usual DP group for the same work.",
                       engine.slowness);
    out.gauge("num_lost_dp_ranks", "DP groups whose ranks have failed and do not run, now or for good.",
              static_cast<double>(engine.lost_groups.size()));
  }
  out.gauge("gen_throughput", "Output tokens per second, over the last seconds.", engine.output_tokens_per_s);
  out.counter("prompt_tokens_total", "Prompt tokens of ended requests.", static_cast<double>(prompt_tokens_));
  out.counter("generation_tokens_total", "Output tokens of ended requests.", static_cast<double>(output_tokens_));
  out.counter("cached_tokens_total", "Prompt tokens of ended requests that the prefix cache served.",
              static_cast<double>(cached_tokens_));
  out.counter("num_requests_total", "Ended requests.", static_cast<double>(num_requests_));
  out.counter("num_aborted_requests_total", "Requests that were aborted.", static_cast<double>(num_aborted_));
  out.counter("front_cpu_seconds_total", "Processor time of all threads but the ranks': HTTP, text, turns, grammars.",
              now.cpu.front());
  out.counter("num_dropped_log_lines_total", "Lines of the log that were dropped, because nobody took them in time.",
              static_cast<double>(now.num_dropped_log_lines));
  out.counter_by_group("num_moved_out_requests_total", "Running requests that moved to another DP group.",
                       moves_by_group(&GroupMoves::num_given));
  out.counter_by_group("num_moved_in_requests_total", "Running requests that came from another DP group.",
                       moves_by_group(&GroupMoves::num_taken));
  out.counter_by_group("num_moved_out_tokens_total", "Tokens whose keys and values moved to another DP group.",
                       moves_by_group(&GroupMoves::num_given_tokens));
  out.counter_by_group("num_prefixes_copied_out_total", "Cached prefixes of which another DP group got a copy.",
                       moves_by_group(&GroupMoves::num_prefixes_given));
  out.counter_by_group("num_prefixes_copied_in_total", "Prefixes that were copied from another DP group's cache.",
                       moves_by_group(&GroupMoves::num_prefixes_taken));
  out.counter_by_group("num_prefix_tokens_copied_in_total", "Tokens of these prefixes.",
                       moves_by_group(&GroupMoves::num_prefix_tokens_taken));
  out.counter_by_group("num_prefixes_gone_total", "Prefixes asked of a DP group that had evicted them meanwhile.",
                       moves_by_group(&GroupMoves::num_prefixes_gone));
  out.counter("num_too_long_to_move_requests_total", "Requests that stayed in a full DP group for being too long.",
              static_cast<double>(engine.num_too_long_to_move));
  std::vector<double> restarts;
  for (const WorldStatus& world : engine.worlds) restarts.push_back(static_cast<double>(world.num_restarts));
  if (restarts.empty()) restarts.push_back(0);
  out.counter_by_world("num_world_restarts_total", "Times that ranks started again after they had failed.", restarts);
  const ExchangeCounts exchange = counts_of_worlds(engine);
  out.counter_by_label("padding_steps_total", "Steps by the mode in which ranks gathered their rows.", "padding",
                       padding_steps(exchange));
  const std::vector<std::pair<std::string, double>> by_overlap = {
      {"whole", static_cast<double>(exchange.whole_steps())}, {"halves", static_cast<double>(exchange.halved_steps)}};
  out.counter_by_label("overlap_steps_total",
                       "Steps whose rows were computed whole, or in two halves of which one travels meanwhile.",
                       "overlap", by_overlap);
  out.counter_by_group("gathered_bytes_total", "Bytes of rows that a DP group's ranks received from other ranks.",
                       bytes_by_group(engine, &ExchangeCounts::gathered_bytes));
  out.counter_by_group("scattered_bytes_total",
                       "Bytes of partial sums that a DP group's ranks received from other ranks.",
                       bytes_by_group(engine, &ExchangeCounts::scattered_bytes));
  render_images(engine.images, out);
  out.counter("num_resumed_requests_total", "Times that a request went on after its ranks had failed.",
              static_cast<double>(engine.num_resumed));
  out.counter("num_set_aside_requests_total",
              "Requests that ended with an error, because their ranks failed twice before they got a token.",
              static_cast<double>(engine.num_set_aside));
  const auto by_rank = [&](FunctionRef<double(const RankCounts&)> value) {
    std::vector<std::pair<std::string, double>> values;
    for (const RankStatus& rank : now.cluster.ranks) {
      values.emplace_back(std::to_string(rank.rank), value(rank.counts));
    }
    return values;
  };
  out.counter_by_label("rank_step_seconds_total", "Time that a rank has spent in steps.", "rank",
                       by_rank([](const RankCounts& counts) { return counts.step_s; }));
  out.counter_by_label("rank_exchange_seconds_total",
                       "Of it: in exchanges with the other ranks, mostly waiting for them. The one for which all wait "
                       "has the least.",
                       "rank", by_rank([](const RankCounts& counts) { return counts.exchange_s; }));
  if (now.cluster.elastic) {
    out.gauge("left_out_nodes", "Nodes without which the model runs, or starts.",
              static_cast<double>(now.cluster.elastic->left_out.size()));
  }
  std::vector<std::pair<std::string, double>> bad_pages;
  for (const RankStatus& rank : now.cluster.ranks) {
    if (rank.weights.checked_unix_s == 0) continue;
    bad_pages.emplace_back(std::to_string(rank.rank), static_cast<double>(rank.weights.num_bad_pages));
  }
  out.gauge_by_label("rank_bad_weight_pages",
                     "Pages of a rank's weights that are not what was loaded, as the last check found them.", "rank",
                     bad_pages);
  if (now.journal) {
    out.gauge("journal_bytes", "Bytes of the journal on disk.", static_cast<double>(now.journal->num_bytes));
    out.counter("num_dropped_journal_records_total",
                "Records that could not be written to the journal: a full disk, or too many at once.",
                static_cast<double>(now.journal->num_dropped_records));
  }
  if (now.standby) {
    out.gauge("standby_is_whole", "1: the node that stands by has a whole copy of the journal, and could take over.",
              now.standby->is_whole ? 1 : 0);
    out.gauge("standby_bytes_behind", "Bytes of the journal that the node that stands by has not confirmed.",
              static_cast<double>(now.standby->bytes_behind));
  }
  return out.text();
}

}  // namespace braid::metrics
