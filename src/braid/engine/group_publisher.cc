#include "braid/engine/group_publisher.h"

#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

StepShape shape_of(const StepPlan& plan) {
  StepShape shape{.step = plan.step, .num_sequences = static_cast<int64_t>(plan.sequences.size())};
  for (const SequencePlan& sequence : plan.sequences) {
    const auto num_new = static_cast<int64_t>(sequence.new_tokens.size());
    shape.num_context_tokens += sequence.first_position + num_new;
    if (num_new == 1 && sequence.samples) continue;
    ++shape.num_prefills;
    shape.num_prompt_tokens += num_new;
  }
  return shape;
}

}  // namespace

void GroupPublisher::take(std::vector<GroupCommand> commands) {
  CHECK(plan_ == nullptr, "commands come while a step is under way");
  if (commands.empty()) return;
  for (GroupCommand& command : commands) carry_out(std::move(command));
  has_news_ = true;
  if (scheduler_.is_idle()) scheduler_.check_idle_invariants();
}

void GroupPublisher::carry_out(GroupCommand command) {
  num_commands_ += command.size();
  for (SchedulerRequest& request : command.add) {
    const RequestId id = request.id;
    if (auto added = scheduler_.add(std::move(request)); !added.ok()) {
      next_.outcomes.push_back(
          {.request = id, .finish = FinishReason::kError, .error = std::move(added.error().message)});
    }
  }
  for (const RequestId request : command.abort) scheduler_.abort(request);
  for (const RequestId request : command.finish) scheduler_.finish(request);
  if (command.flush_cache) next_.flushed_tokens.push_back(scheduler_.flush_cache());
}

std::shared_ptr<const StepPlan> GroupPublisher::plan() {
  auto planned = scheduler_.plan();
  if (planned) plan_ = std::make_shared<const StepPlan>(std::move(*planned));
  return plan_;
}

GroupOutputs GroupPublisher::commit(const StepResult& result, double step_s) {
  CHECK(plan_ != nullptr, "the result of step {} comes, and no step is under way", result.step);
  std::vector<RequestOutcome> outcomes = scheduler_.commit(result);
  if (next_.outcomes.empty()) {
    next_.outcomes = std::move(outcomes);
  } else {
    for (RequestOutcome& outcome : outcomes) next_.outcomes.push_back(std::move(outcome));
  }
  next_.step = shape_of(*plan_);
  num_step_tokens_ += static_cast<uint64_t>(plan_->num_tokens());
  plan_ = nullptr;
  ++num_steps_;
  step_seconds_ += step_s;
  if (scheduler_.is_idle()) scheduler_.check_idle_invariants();
  return take_outputs();
}

std::optional<GroupOutputs> GroupPublisher::report() {
  if (!has_news_) return std::nullopt;
  return take_outputs();
}

GroupOutputs GroupPublisher::take_outputs() {
  has_news_ = false;
  next_.sequence = ++num_outputs_;
  next_.load = load();
  return std::exchange(next_, {});
}

GroupLoad GroupPublisher::load() const {
  return {.scheduler = scheduler_.stats(),
          .credits = scheduler_.credits(),
          .num_commands = num_commands_,
          .num_steps = num_steps_,
          .step_seconds = step_seconds_,
          .num_step_tokens = num_step_tokens_,
          .num_longest_tokens = num_longest_tokens_};
}

}  // namespace braid
