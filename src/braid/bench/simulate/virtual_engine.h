// The controller and the groups' publishers of one world under virtual time, on one thread. A step's duration follows
// from its plans, and its tokens are random. What the controller decides after a step reaches the groups after the next
// plan, as in an engine, where a group does not wait for the controller. Tested by simulate_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "braid/bench/simulate/balances.h"
#include "braid/bench/simulate/controller_cost.h"
#include "braid/bench/simulate/simulate.h"
#include "braid/bench/simulate/unheard_link.h"
#include "braid/controller/controller.h"
#include "braid/controller/mask_worker.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/transport/dispatch.h"
#include "braid/worker/group_publisher.h"
#include "braid/worker/step_protocol.h"

namespace braid::simulate {

class VirtualEngine {
 public:
  VirtualEngine(const SimulateOptions& options, const SchedulerConfig& scheduler, int32_t prefill_alignment);
  ~VirtualEngine();
  VirtualEngine(const VirtualEngine&) = delete;
  VirtualEngine& operator=(const VirtualEngine&) = delete;

  // A request arrives, not before now and not behind the end of the step under way.
  void submit(const std::shared_ptr<Submission>& submission);
  // The groups are lost, with what they have computed since their last outputs, or start again, empty. Between two
  // steps. Returns the requests that ran there.
  std::vector<RequestId> lose(int32_t first_group, int32_t num_groups);
  bool is_lost(int32_t group) const { return groups_.at(static_cast<size_t>(group))->publisher == nullptr; }
  void restart(int32_t first_group, int32_t num_groups);
  // Delivers the last step's results and begins the next step. Returns when it ends; nothing: there is nothing to do.
  std::optional<double> begin_step();
  // With nothing to do: until then.
  void wait_until(double time_s) { now_s_ = std::max(now_s_, time_s); }
  void end_step();

  double now_s() const { return now_s_; }
  int64_t num_steps() const { return num_steps_; }  // that have ended
  double busy_s() const { return busy_s_; }
  int64_t num_queued() const { return controller_.num_queued(); }
  int32_t num_groups() const { return controller_.num_groups(); }
  GroupLoad load(int32_t group) const;
  int64_t num_requests(int32_t group) const { return groups_.at(static_cast<size_t>(group))->num_requests; }
  double own_s(int32_t group) const { return groups_.at(static_cast<size_t>(group))->own_s; }  // its own work
  double seen_slowness(int32_t group) const { return controller_.work_rates().slowness(group); }
  int64_t num_moves() const { return num_moves_; }
  int64_t num_copies() const { return num_copies_; }
  const Balances& balances() const { return balances_; }
  const ControllerCost& cost() const { return cost_; }
  int64_t broadcast_bytes() const { return dispatcher_.num_bytes(); }
  int64_t view_bytes() const { return controller_.prefixes().num_bytes(); }

 private:
  class PlainTokenizer;
  struct Group {
    explicit Group(const SchedulerConfig& config) : publisher(std::make_unique<GroupPublisher>(config)) {}

    std::unique_ptr<GroupPublisher> publisher;  // null: it is lost
    std::set<RequestId> running;                // or on their way to it
    std::vector<GroupCommand> inbox;
    std::shared_ptr<const StepPlan> plan;
    std::vector<GroupOutputs> outputs;  // not yet at the controller
    int64_t num_requests = 0;
    double step_own_s = 0;  // of the step under way
    double own_s = 0;       // of all steps
  };

  void note_balance(std::span<const std::shared_ptr<const StepPlan>> plans, std::span<const double> own_s);
  void plan_step();
  bool deliver_outputs();
  void dispatch();
  StepResult result_of(const StepPlan& plan);

  const SimulateOptions options_;
  const SchedulerConfig scheduler_;
  const int32_t prefill_alignment_;
  const std::vector<double> slowness_;  // of each group
  const std::unique_ptr<PlainTokenizer> tokenizer_;
  MaskWorker masks_;
  std::vector<std::unique_ptr<Group>> groups_;
  Controller controller_;
  UnheardLink link_;
  Dispatcher dispatcher_;
  Balances balances_;
  ControllerCost cost_;
  double now_s_ = 0;
  double step_end_s_ = 0;
  double step_s_ = 0;  // of the step under way
  bool may_begin_ = true;
  int64_t num_steps_ = 0;
  int64_t num_moves_ = 0;
  int64_t num_copies_ = 0;  // of prefixes
  double busy_s_ = 0;
  TokenId next_token_ = 0;
};

}  // namespace braid::simulate
