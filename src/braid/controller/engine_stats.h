// How the controller and its groups stand: for metrics, admission and the log. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/controller/group_moves.h"
#include "braid/controller/step_balance.h"
#include "braid/controller/world_status.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/wire/group_load.h"
#include "braid/wire/image_counts.h"

namespace braid {

struct EngineStats {
  SchedulerStats scheduler;            // of all groups together
  std::vector<GroupLoad> groups;       // [dp_size]
  std::vector<GroupMoves> moves = {};  // [dp_size]
  std::vector<double> slowness = {};   // [dp_size]: times a usual group's seconds for the same work (WorkRates)
  uint64_t num_too_long_to_move = 0;   // requests that would have moved, but for RebalanceOptions::max_tokens
  StepBalance balance;
  int64_t num_queued = 0;      // requests in front of the schedulers
  int64_t num_free_slots = 0;  // choices that could be admitted at once; 0 while others wait
  int64_t context_len = 0;     // the most tokens of one request, prompt and output
  int64_t num_kv_tokens = 0;   // capacity of all groups' KV pools
  uint64_t num_steps = 0;      // of the group with the most steps, as is step_seconds
  uint64_t num_output_tokens = 0;
  double step_seconds = 0;         // total time spent in steps
  double output_tokens_per_s = 0;  // over the last seconds; 0 when idle
  std::string failure;             // not empty: the engine has failed and accepts no requests
  bool is_paused = false;          // no step begins (Engine::pause())
  std::vector<WorldStatus> worlds = {};
  uint64_t num_resumed = 0;    // times that a request went on after its world had failed
  uint64_t num_set_aside = 0;  // requests that ended because their world failed again before they got a token
  // Groups whose world does not run, and why.
  struct LostGroup {
    int32_t group = 0;
    std::string reason;
  };
  std::vector<LostGroup> lost_groups = {};
  std::vector<ExchangeCosts> exchange_costs = {};  // of each world whose ranks share no memory, filled in by Engine
  ImageCounts images = {};                         // of all processes; likewise
};

}  // namespace braid
