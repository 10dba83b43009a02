// For tests: what a simulated history is about: layout, sizes, policies, delays, and what goes wrong. Drawn by the
// seed. Tested by simulation_test.cc.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "braid/controller/simulation/findings.h"
#include "braid/controller/simulation/simulated_controller.h"
#include "braid/controller/simulation/virtual_time.h"

namespace braid {

enum class SimulatedFault : uint8_t {
  kNone,
  kStalledRank,
  kStalledController,
  kThrowingHeader,
  kThrowingStep,
  kLostRank,
  kDamagedMap,
  kMapTwice
};

struct SimulatedScenario {
  static constexpr int32_t kMaxMoves = 4;  // at once, and as many prefixes

  int32_t num_worlds = 1;
  int32_t groups_per_world = 1;
  int32_t ranks_per_group = 1;
  int64_t max_pause_us = 10;
  int64_t max_delay_us = 10;
  int64_t duration_us = 10'000;  // during which clients come
  int64_t num_requests = 6;
  SchedulerConfig scheduler;
  int32_t prefill_alignment = 0;
  SimulatedController::Options controller;
  SimulatedFault fault = SimulatedFault::kNone;
  int64_t fault_at_us = 0;
  std::optional<int64_t> second_fault_at_us = {};  // of the same kind
  int64_t stall_us = 0;

  int32_t num_groups() const { return num_worlds * groups_per_world; }
  std::string text() const {
    return fmt::format(
        "{} worlds of {} groups of {} ranks, {} requests in {} us, pauses up to {} us, links {} us, {}, {}, {}, {} "
        "pages, {} at once, moves {}, shares {}, alignment {}, fault {} at {} us and {} us, {} restarts",
        num_worlds, groups_per_world, ranks_per_group, num_requests, duration_us, max_pause_us, max_delay_us,
        schedule_policy_name(controller.schedule), load_balance_method_name(controller.balance),
        dispatch_mode_name(controller.dispatch), scheduler.num_pages, scheduler.max_running_requests,
        controller.rebalance.has_value(), controller.sharing.has_value(), prefill_alignment, static_cast<int>(fault),
        fault_at_us, second_fault_at_us.value_or(-1), controller.max_restarts);
  }

  // The longest time from when a request could be taken until it is, with the longest pauses and delays. The request
  // and the news of free room reach the controller (2 delays), which ends its turn and takes the next one (2 pauses).
  // The command reaches the group (1 delay), is counted and wakes it (2 pauses). The world ends the current round, at
  // most two more follow until the counts are equal, and then the group's own round begins. A round takes 12 pauses: no
  // rank is more than one ahead of another.
  int64_t starvation_bound_us() const {
    const bool is_stall = fault == SimulatedFault::kStalledRank || fault == SimulatedFault::kStalledController;
    // Room may be kept for a moving request that never comes: the order, its group's step and the news of it.
    // So may a request wait for a prefix, which is on its way as long.
    const int64_t num_ways = 1 + (controller.rebalance ? 1 : 0) + (controller.sharing ? 2 : 0);
    return (is_stall ? stall_us : 0) + num_ways * (4 * max_delay_us + 60 * max_pause_us);
  }
};

class ScenarioDraw {
 public:
  ScenarioDraw(VirtualTime& time, SeededBug bug) : time_(time), bug_(bug) {}

  SimulatedScenario draw() {
    SimulatedScenario scenario;
    const bool is_replicas = time_.one_in(4);
    scenario.num_worlds = is_replicas ? static_cast<int32_t>(time_.pick(2, 3)) : 1;
    scenario.groups_per_world = is_replicas ? 1 : static_cast<int32_t>(time_.pick(1, 4));
    scenario.ranks_per_group = static_cast<int32_t>(time_.pick(1, 2));
    scenario.max_pause_us = one_of_these<int64_t>({3, 20, 100});
    scenario.max_delay_us = one_of_these<int64_t>({1, 50, 1000});
    scenario.duration_us = one_of_these<int64_t>({100, 5'000, 40'000});
    scenario.num_requests = time_.pick(1, 12);
    // Pages are scarce, so that requests queue and are preempted.
    scenario.scheduler = {.num_pages = static_cast<int32_t>(time_.pick(8, 24)),
                          .page_size = 4,
                          .context_len = 32,
                          .max_running_requests = static_cast<int32_t>(time_.pick(1, 4)),
                          .chunked_prefill_size = one_of_these<int32_t>({1, 7, 64}),
                          .radix_cache = !time_.one_in(3)};
    if (time_.one_in(3)) add_windows(scenario.scheduler);
    if (!time_.one_in(3)) scenario.scheduler.max_moved_pages = static_cast<int32_t>(time_.pick(1, 4));
    scenario.controller = {
        .schedule = one_of_these({SchedulePolicy::kFcfs, SchedulePolicy::kLpm, SchedulePolicy::kPriority}),
        .balance = one_of_these({LoadBalanceMethod::kRoundRobin, LoadBalanceMethod::kShortestQueue,
                                 LoadBalanceMethod::kMinimumTokens, LoadBalanceMethod::kPrefixAffinity,
                                 LoadBalanceMethod::kMeasuredTime}),
        .dispatch = one_of_these({DispatchMode::kBroadcast, DispatchMode::kDirect}),
        .max_pause_us = scenario.max_pause_us,
        .groups_per_world = scenario.groups_per_world,
        .bug = bug_};
    if (time_.one_in(2)) {
      scenario.controller.rebalance = {
          .start_gap = static_cast<int32_t>(time_.pick(1, 3)),
          .start_share = 0,
          .stop_gap = static_cast<int32_t>(time_.pick(0, 1)),
          .max_under_way = static_cast<int32_t>(time_.pick(1, SimulatedScenario::kMaxMoves)),
          .min_stay = static_cast<int32_t>(time_.pick(1, 8)),
          .min_left = 1,
          .room_share = time_.one_in(2) ? 0.25 : 0};
    }
    if (scenario.scheduler.radix_cache && time_.one_in(2)) {
      scenario.controller.sharing = {
          .min_tokens = time_.pick(1, 8),
          .max_under_way = static_cast<int32_t>(time_.pick(1, SimulatedScenario::kMaxMoves))};
    }
    scenario.prefill_alignment = one_of_these<int32_t>({0, 0, 1, 3, 10});
    if (time_.one_in(2)) {
      scenario.fault =
          one_of_these({SimulatedFault::kStalledRank, SimulatedFault::kStalledRank, SimulatedFault::kStalledController,
                        SimulatedFault::kThrowingHeader, SimulatedFault::kThrowingStep, SimulatedFault::kLostRank,
                        SimulatedFault::kDamagedMap, SimulatedFault::kMapTwice});
      scenario.fault_at_us = time_.pick(0, scenario.duration_us);
      scenario.stall_us = time_.pick(1'000, 100'000);
      if (scenario.fault > SimulatedFault::kStalledController && time_.one_in(2)) {
        scenario.controller.max_restarts = static_cast<int32_t>(time_.pick(1, 3));
        if (time_.one_in(2)) scenario.second_fault_at_us = scenario.fault_at_us + time_.pick(0, 300'000);
      }
    }
    return scenario;
  }

 private:
  template <typename T, size_t N>
  T one_of_these(const T (&values)[N]) {
    return values[static_cast<size_t>(time_.pick(0, N - 1))];
  }

  // Adds a window that sequences outgrow, to the only KV group or with a second one.
  void add_windows(SchedulerConfig& scheduler) {
    const auto window = static_cast<int32_t>(time_.pick(1, 20));
    const auto needed = most_kept_pages(window, scheduler.chunked_prefill_size, scheduler.page_size);
    const auto num_pages =
        static_cast<int32_t>(std::min<int64_t>(needed, scheduler.context_len / scheduler.page_size) + time_.pick(0, 6));
    if (time_.one_in(3)) {
      scheduler.window = window;
      scheduler.num_pages = num_pages;
    } else {
      scheduler.narrower_kv_groups = {{.window = window, .num_pages = num_pages}};
    }
  }

  VirtualTime& time_;
  const SeededBug bug_;
};

}  // namespace braid
