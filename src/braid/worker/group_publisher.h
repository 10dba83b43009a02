// The publisher of one DP group: takes the controller's commands, decides the group's steps, and says what came of
// them. A state machine round the group's Scheduler: no thread, no clock, no tensor.
//
// A sequence that is ordered to another group leaves with the next plan, and the outputs after that step tell of it.
// One that arrives is admitted when the next plan is made: until then it can still be aborted, and its pages are
// dropped.
//
//   publisher.take(commands); auto plan = publisher.plan();
//   plan == nullptr: report() what the commands brought; else run it, and send up commit(result, seconds).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "braid/scheduler/scheduler.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

class GroupPublisher {
 public:
  explicit GroupPublisher(const SchedulerConfig& config) : scheduler_(config) {}

  // In their order; not while a step is under way.
  void take(std::vector<GroupCommand> commands);

  // The group's next step, which its subscribers follow; null: it has nothing to do. `may_begin_prefills`: as the
  // scheduler's.
  std::shared_ptr<const StepPlan> plan(bool may_begin_prefills = true);
  const PrefillState& prefill_state() const { return scheduler_.prefill_state(); }
  // A step of the world, also one without tokens of this group: those of the group with the most. Before commit().
  void count_step(int64_t longest_tokens) { num_longest_tokens_ += static_cast<uint64_t>(longest_tokens); }
  // The plan's result. `step_s`: how long it took, for statistics alone.
  GroupOutputs commit(const StepResult& result, double step_s);
  // What commands have brought that no step follows; nothing if the last outputs said it all.
  std::optional<GroupOutputs> report();

  PrefixProbe probe(std::span<const TokenId> prompt) const { return scheduler_.probe(prompt); }
  GroupLoad load() const;

 private:
  struct WaitingArrival {
    MovingSequence moving;
    bool is_dropped = false;  // it was aborted before it could be admitted
  };

  void carry_out(GroupCommand command);
  void drop(RequestId request);
  void depart(const DepartOrder& order);
  std::vector<MovedPages> admit_arrivals();
  GroupOutputs take_outputs();
  void check_if_idle() const;

  Scheduler scheduler_;
  std::vector<WaitingArrival> arrivals_;  // that the scheduler does not know yet
  std::vector<MovedPages> leaving_;       // with the next plan
  std::shared_ptr<const StepPlan> plan_;  // under way
  bool is_scheduled_ = false;             // it has sequences, not moves alone
  GroupOutputs next_;                     // what the next outputs say already
  bool has_news_ = false;                 // commands were taken since the last outputs
  uint64_t num_commands_ = 0;
  uint64_t num_outputs_ = 0;
  uint64_t num_steps_ = 0;
  double step_seconds_ = 0;
  uint64_t num_step_tokens_ = 0;
  uint64_t num_longest_tokens_ = 0;
};

}  // namespace braid
