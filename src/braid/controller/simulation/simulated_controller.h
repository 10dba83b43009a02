// For tests: the controller's driver under virtual time: an inbox, turns that take time, and commands as maps.
// controller/controller_thread does the same with a thread, a mutex and a clock.
#pragma once

#include <cstdint>
#include <functional>
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
#include "braid/wire/transport/dispatch.h"

namespace braid {

class SimulatedController {
 public:
  struct Options {
    SchedulePolicy schedule = SchedulePolicy::kFcfs;
    LoadBalanceMethod balance = LoadBalanceMethod::kMinimumTokens;
    DispatchMode dispatch = DispatchMode::kBroadcast;
    std::optional<RebalanceOptions> rebalance = {};
    int64_t max_pause_us = 10;
    SeededBug bug = SeededBug::kNone;
  };
  using Probe = std::function<PrefixProbe(int32_t group, std::span<const TokenId> prompt)>;
  using OnBound = std::function<void(uint64_t choice_seed, int32_t group)>;
  using OnLost = std::function<void(int32_t group, const std::vector<MoveId>& begun)>;  // as LocalGroups::lose()

  SimulatedController(const Tokenizer& tokenizer, VirtualTime& time, const Options& options,
                      std::vector<GroupLoad> groups, ControllerLink& link, Probe probe, OnBound on_bound,
                      OnLost on_lost)
      : time_(time),
        options_(options),
        probe_(std::move(probe)),
        on_bound_(std::move(on_bound)),
        on_lost_(std::move(on_lost)),
        link_(link),
        dispatcher_(link, options.dispatch, static_cast<int32_t>(groups.size())),
        controller_(tokenizer, masks_, options.schedule, options.balance, std::move(groups), nullptr,
                    options.rebalance) {}

  // Adds an event to the controller's next turn.
  using Event = std::function<void(Controller& controller)>;
  void post(Event event, bool is_new_request = false) {
    inbox_.push_back(std::move(event));
    has_new_request_ = has_new_request_ || is_new_request;
    if (std::exchange(has_turn_, true)) return;
    time_.after(time_.pick(0, options_.max_pause_us) + std::exchange(stall_us_, 0), [this] { turn(); });
  }
  // The world of these groups has ended. With the last one everything ends.
  void lose_world(int32_t first_group, int32_t num_groups, const std::string& reason) {
    post([this, first_group, num_groups, reason](Controller& controller) {
      num_lost_ += num_groups;
      if (num_lost_ == controller.num_groups()) failure_ = reason;
      for (int32_t group = first_group; failure_.empty() && group < first_group + num_groups; ++group) {
        link_.leave_out(group);
        on_lost_(group, controller.lose_group(group, reason));
      }
    });
  }
  void stall(int64_t duration_us) { stall_us_ = duration_us; }

  Controller& controller() { return controller_; }
  const std::vector<SubmissionId>& closed() const { return closed_; }
  const std::vector<MoveReport>& moves() const { return moves_; }

 private:
  void turn() {
    for (Event& event : std::exchange(inbox_, {})) event(controller_);
    const bool has_new_request = std::exchange(has_new_request_, false);
    if (!failure_.empty()) {
      controller_.end_all(FinishReason::kError, failure_);
    } else if (options_.bug != SeededBug::kDispatchForgotten || has_new_request) {
      controller_.dispatch(static_cast<double>(time_.now_us()) * 1e-6,
                           [this](int32_t group, std::span<const TokenId> prompt) { return probe_(group, prompt); });
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
      }
      const Status sent = dispatcher_.send(std::move(map));
      CHECK(sent.ok(), "{}", sent.error().message);
    }
  }

  VirtualTime& time_;
  const Options options_;
  const Probe probe_;
  const OnBound on_bound_;
  const OnLost on_lost_;
  ControllerLink& link_;
  Dispatcher dispatcher_;
  MaskWorker masks_;
  Controller controller_;
  std::vector<Event> inbox_;
  bool has_turn_ = false;
  bool has_new_request_ = false;
  int64_t stall_us_ = 0;
  int32_t num_lost_ = 0;
  std::string failure_;
  std::vector<SubmissionId> closed_;
  std::vector<MoveReport> moves_;
};

}  // namespace braid
