// For tests: the controller's driver under virtual time: an inbox, turns that take time, and commands as maps.
// controller/controller_thread does the same with a thread, a mutex and a clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/controller/assignments.h"
#include "braid/controller/controller.h"
#include "braid/controller/mask_worker.h"
#include "braid/controller/simulation/findings.h"
#include "braid/controller/simulation/virtual_time.h"
#include "braid/controller/world_restarts.h"
#include "braid/wire/transport/dispatch.h"

namespace braid {

class SimulatedController {
 public:
  struct Options {
    SchedulePolicy schedule = SchedulePolicy::kFcfs;
    LoadBalanceMethod balance = LoadBalanceMethod::kMinimumTokens;
    DispatchMode dispatch = DispatchMode::kBroadcast;
    std::optional<RebalanceOptions> rebalance = {};
    std::optional<ShareOptions> sharing = {};
    int64_t max_pause_us = 10;
    int32_t groups_per_world = 1;
    int32_t max_restarts = 0;
    SeededBug bug = SeededBug::kNone;
  };
  using OnBound = std::function<void(uint64_t choice_seed, int32_t group)>;
  // As GroupHost::lose().
  using OnLost = std::function<void(int32_t group, const std::vector<MoveId>& begun, MoveId next_move)>;
  // A world may be built again; `last_maps`: of its groups. Call started() or stuck() then.
  using OnStart = std::function<void(int32_t world, const std::vector<uint64_t>& last_maps)>;

  SimulatedController(const Tokenizer& tokenizer, VirtualTime& time, const Options& options,
                      std::vector<GroupLoad> groups, ControllerLink& link, OnBound on_bound, OnLost on_lost,
                      OnStart on_start)
      : time_(time),
        options_(options),
        on_bound_(std::move(on_bound)),
        on_lost_(std::move(on_lost)),
        on_start_(std::move(on_start)),
        first_loads_(groups),
        worlds_(static_cast<int32_t>(groups.size()) / options.groups_per_world, options.max_restarts),
        link_(link),
        dispatcher_(link, options.dispatch, static_cast<int32_t>(groups.size())),
        controller_(tokenizer, masks_, options.schedule, options.balance, std::move(groups), nullptr, options.rebalance,
                    options.sharing) {}

  // Adds an event to the controller's next turn.
  using Event = std::function<void(Controller& controller)>;
  void post(Event event, bool is_new_request = false) {
    inbox_.push_back(std::move(event));
    has_new_request_ = has_new_request_ || is_new_request;
    if (std::exchange(has_turn_, true)) return;
    time_.after(time_.pick(0, options_.max_pause_us) + std::exchange(stall_us_, 0), [this] { turn(); });
  }
  // The world has failed. It starts again, or is lost; with the last one everything ends.
  void lose_world(int32_t world, const std::string& reason) {
    post([this, world, reason](Controller& controller) {
      if (worlds_.runs(world)) {
        take_failure(controller, world, reason);
      } else {
        failures_[world] = reason;  // it has not reported its start yet
      }
    });
  }
  // It is built again.
  void started(int32_t world) {
    post([this, world](Controller& controller) {
      worlds_.succeed(world, now_s());
      ++num_restarts_;
      for (const int32_t group : groups_of(world)) {
        controller.restart_group(group, first_loads_[static_cast<size_t>(group)]);
        commands_before_[group] = controller.load(group).num_commands;
      }
      const auto failed = failures_.extract(world);
      if (!failed.empty()) take_failure(controller, world, failed.mapped());
    });
  }
  // It cannot be built again.
  void stuck(int32_t world) {
    post([this, world](Controller& controller) {
      worlds_.give_up(world, "a rank is stuck", 0);
      if (worlds_.num_lost() == worlds_.num_worlds()) {
        failure_ = "a rank is stuck";
      } else {
        controller.lose_groups(groups_of(world).front(), options_.groups_per_world, "a rank is stuck", false);
      }
    });
  }
  void stall(int64_t duration_us) { stall_us_ = duration_us; }

  Controller& controller() { return controller_; }
  const std::vector<SubmissionId>& closed() const { return closed_; }
  const std::vector<MoveReport>& moves() const { return moves_; }
  int64_t num_restarts() const { return num_restarts_; }
  // What the group had been sent before it last started again.
  uint64_t commands_before(int32_t group) const {
    const auto found = commands_before_.find(group);
    return found == commands_before_.end() ? 0 : found->second;
  }

 private:
  double now_s() const { return static_cast<double>(time_.now_us()) * 1e-6; }
  std::vector<int32_t> groups_of(int32_t world) const {
    std::vector<int32_t> groups;
    for (int32_t i = 0; i < options_.groups_per_world; ++i) groups.push_back(world * options_.groups_per_world + i);
    return groups;
  }

  void take_failure(Controller& controller, int32_t world, const std::string& reason) {
    const bool returns = worlds_.fail(world, reason, now_s(), 0);
    if (worlds_.num_lost() == worlds_.num_worlds()) {
      failure_ = reason;
      return;
    }
    const std::vector<int32_t> groups = groups_of(world);
    const std::vector<MoveId> begun =
        controller.lose_groups(groups.front(), options_.groups_per_world, reason, returns);
    for (const int32_t group : groups) {
      link_.leave_out(group);
      on_lost_(group, begun, controller.next_move());
    }
    plan_start();
  }
  void plan_start() {
    const auto due_s = worlds_.next_due_s();
    if (!due_s) return;
    time_.at(static_cast<int64_t>(*due_s * 1e6) + 1, [this] { post([this](Controller&) { start(); }); });
  }
  void start() {
    while (const auto world = worlds_.take_due(now_s())) {
      std::vector<uint64_t> last_maps;
      for (const int32_t group : groups_of(*world)) {
        link_.let_back(group);
        last_maps.push_back(dispatcher_.last_map(group));
      }
      on_start_(*world, last_maps);
    }
    plan_start();
  }

  void turn() {
    for (Event& event : std::exchange(inbox_, {})) event(controller_);
    const bool has_new_request = std::exchange(has_new_request_, false);
    if (!failure_.empty()) {
      controller_.end_all(FinishReason::kError, failure_);
    } else if (options_.bug != SeededBug::kDispatchForgotten || has_new_request) {
      controller_.dispatch(static_cast<double>(time_.now_us()) * 1e-6);
      controller_.rebalance();
    }
    for (const MoveReport& moved : controller_.take_moved()) moves_.push_back(moved);
    send_commands();
    for (const SubmissionId id : controller_.take_ended()) closed_.push_back(id);
    has_turn_ = false;
    CHECK(inbox_.empty(), "events came within a turn");
  }

  void send_commands() {
    for (std::vector<GroupCommand>& map : take_assignments(controller_)) {
      for (const GroupCommand& command : map) {
        for (const SchedulerRequest& request : command.add) on_bound_(request.sampling.seed, command.group);
        for (const auto& [move, sequence] : command.arrive) {
          if (sequence.is_prefix()) on_bound_(sequence.request.sampling.seed, command.group);
        }
      }
      const Status sent = dispatcher_.send(std::move(map));
      CHECK(sent.ok(), "{}", sent.error().message);
    }
  }

  VirtualTime& time_;
  const Options options_;
  const OnBound on_bound_;
  const OnLost on_lost_;
  const OnStart on_start_;
  const std::vector<GroupLoad> first_loads_;
  WorldRestarts worlds_;
  ControllerLink& link_;
  Dispatcher dispatcher_;
  MaskWorker masks_;
  Controller controller_;
  std::vector<Event> inbox_;
  bool has_turn_ = false;
  bool has_new_request_ = false;
  int64_t stall_us_ = 0;
  int64_t num_restarts_ = 0;
  std::map<int32_t, std::string> failures_;  // by world
  std::map<int32_t, uint64_t> commands_before_;
  std::string failure_;
  std::vector<SubmissionId> closed_;
  std::vector<MoveReport> moves_;
};

}  // namespace braid
