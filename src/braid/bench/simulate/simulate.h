// `braid bench simulate`: what clients get from the controller, the dispatch policy and the groups' schedulers, under
// virtual time and without a model. A step takes what a cost model says, so a week of a server takes minutes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/simulate/step_cost.h"
#include "braid/controller/dispatch_policy.h"
#include "braid/controller/policy.h"

namespace braid {

// Lengths in tokens, times in seconds of virtual time.
struct SimulateOptions {
  // Requests arrive at random (Poisson). Prompts and outputs are short more often than long: their lengths' logarithms
  // are drawn evenly.
  double request_rate = 0.025;
  double duration_s = 86'400;
  int64_t num_requests = 0;  // no more come than these; 0: as many as come in the time
  int32_t shortest_prompt = 16;
  int32_t longest_prompt = 60'000;
  int32_t shortest_output = 16;
  int32_t longest_output = 512;
  // With which all prompts begin, beside their own tokens; of so many, drawn evenly.
  int32_t system_prompt_len = 0;
  int32_t system_prompts = 1;
  // Beside these, a prompt of this length at even intervals; 0: none.
  int32_t long_prompt_len = 0;
  double long_prompt_interval_s = 600;

  int32_t groups = 4;
  int32_t kv_tokens = 262'144;  // of each group
  int32_t max_running_requests = 64;
  int32_t chunked_prefill_size = 512;
  int32_t overtaking_price = 10;                 // SchedulerConfig::overtaking_price
  std::vector<int32_t> prefill_alignment = {0};  // the same requests with each of these
  // The first `slow_groups` are on a node that takes `slowdown` times as long for everything.
  int32_t slow_groups = 0;
  double slowdown = 2;
  LoadBalanceMethod load_balance = LoadBalanceMethod::kMeasuredTime;
  SchedulePolicy schedule = SchedulePolicy::kFcfs;
  bool kv_rebalance = false;
  bool share_prefixes = false;
  // So often a replica of these groups, drawn at random as the time is, is lost and starts again, empty.
  int32_t faults = 0;
  int32_t groups_per_replica = 1;
  double restart_s = 0.15;
  simulate::StepCost cost;
  uint64_t seed = 1;
  bool json = false;
};

struct SimulatedTimes {
  int64_t count = 0;
  double p50 = 0;
  double p99 = 0;
  double longest = 0;
};

// Requests of one range of prompt lengths (their own tokens, without the system prompt).
struct SimulatedPrompts {
  int32_t shortest = 0;
  int32_t longest = 0;
  SimulatedTimes first_token_s;      // from a request's arrival
  SimulatedTimes first_token_steps;  // the same in steps; the one under way at its arrival counts
};

struct SimulatedGroupShare {
  int64_t num_requests = 0;
  int64_t num_tokens = 0;  // computed
  double hit_rate = 0;     // share of the prompts' tokens found in the prefix cache
  double own_s = 0;        // its own work: without waiting, and without what all groups share out evenly
  double slowness = 1;     // as the controller measured it, beside the mean of the groups
};

// What the controller takes, in processor time of its thread on this machine, beside what it sends.
struct ControllerFigures {
  double cpu_us_a_request = 0;    // to queue it, bind it and encode its map
  SimulatedTimes turn_us;         // of one turn: requests bound and maps encoded
  double outputs_us_a_token = 0;  // to take a step's outputs: text, ends, deltas, load, prefixes
  double outputs_us_a_step = 0;   // of all groups
  int64_t broadcast_bytes = 0;    // of all maps
  double broadcast_bytes_a_request = 0;
  int64_t view_bytes = 0;  // of its view of the prefix caches, at the end
};

// Requests that ran in replicas when these were lost.
struct SimulatedRecovery {
  int64_t num_faults = 0;
  int64_t num_failed = 0;            // requests that ended with an error: set aside, as the last one of two losses
  SimulatedTimes next_token_s = {};  // from the loss
};

struct SimulateReport {
  int32_t prefill_alignment = 0;
  int64_t num_requests = 0;
  int64_t num_steps = 0;
  int64_t num_preemptions = 0;
  int64_t num_moves = 0;
  int64_t num_copies = 0;  // of prefixes
  double seconds = 0;      // until the last request has ended
  double busy_share = 0;   // of that time, steps
  double output_tokens_per_s = 0;
  double balance = 0;  // mean over maximum of the groups' tokens a step, over all steps
  // As in simulate/balances.h: what no choice of groups could exceed, the same of seconds, and of tokens in a second.
  double balance_at_best = 0;
  double balance_of_time = 0;
  double balance_of_window = 0;
  double hit_rate = 0;
  SimulatedTimes between_tokens_s;  // of one stream
  ControllerFigures controller;
  SimulatedRecovery recovery;
  std::vector<SimulatedPrompts> prompts;
  std::vector<SimulatedGroupShare> groups;
  // For each seventh of the arrivals' time: computed tokens of the group with the most, over the mean of the groups.
  std::vector<double> fullest;
};

// One report for each prefill alignment. Returns an error if the options do not fit together, or if requests come
// faster than the groups can serve them.
Result<std::vector<SimulateReport>> measure_simulate(const SimulateOptions& options);

Status run_bench_simulate(const SimulateOptions& options, std::FILE* out);

}  // namespace braid
