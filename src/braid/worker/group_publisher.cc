#include "braid/worker/group_publisher.h"

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
  check_if_idle();
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
  for (MovingSequence& moving : command.arrive) arrivals_.push_back({.moving = std::move(moving)});
  for (const RequestId request : command.abort) drop(request);
  for (const RequestId request : command.finish) drop(request);
  for (const DepartOrder& order : command.depart) depart(order);
  if (command.flush_cache) next_.flushed_tokens.push_back(scheduler_.flush_cache());
}

void GroupPublisher::drop(RequestId request) {
  if (scheduler_.abort(request)) return;
  for (WaitingArrival& arrival : arrivals_) {
    if (arrival.moving.sequence.request.id == request) arrival.is_dropped = true;
  }
}

void GroupPublisher::depart(const DepartOrder& order) {
  auto departure = scheduler_.depart(order.request);
  if (!departure) return;
  Move move = order.move;
  move.num_pages = departure->num_pages();
  if (move.num_pages > 0) leaving_.push_back({.move = move, .pages = std::move(departure->pages)});
  next_.departed.push_back({.move = move, .sequence = std::move(departure->sequence)});
}

// In order of arrival, which is the order in which the source sent them: a transport may identify messages by it. A
// later arrival may get pages that an earlier one has dropped.
std::vector<MovedPages> GroupPublisher::admit_arrivals() {
  std::vector<MovedPages> arriving;
  for (const auto& [moving, is_dropped] : std::exchange(arrivals_, {})) {
    std::optional<std::vector<std::vector<PageId>>> pages;
    if (!is_dropped) pages = scheduler_.arrive(moving.sequence, moving.move.num_pages);
    if (moving.move.num_pages == 0) continue;
    arriving.push_back({.move = moving.move, .pages = std::move(pages).value_or(std::vector<std::vector<PageId>>())});
  }
  return arriving;
}

std::shared_ptr<const StepPlan> GroupPublisher::plan(bool may_begin_prefills) {
  std::vector<MovedPages> arriving = admit_arrivals();
  scheduler_.release_departed();
  std::optional<StepPlan> planned = scheduler_.plan(may_begin_prefills);
  is_scheduled_ = planned.has_value();
  if (!is_scheduled_ && leaving_.empty() && arriving.empty()) return nullptr;
  StepPlan plan = std::move(planned).value_or(StepPlan());
  plan.leaving = std::exchange(leaving_, {});
  plan.arriving = std::move(arriving);
  plan_ = std::make_shared<const StepPlan>(std::move(plan));
  return plan_;
}

GroupOutputs GroupPublisher::commit(const StepResult& result, double step_s) {
  CHECK(plan_ != nullptr && result.step == plan_->step, "the result of step {} comes, and that is not under way",
        result.step);
  if (!is_scheduled_) {
    plan_ = nullptr;
    return take_outputs();
  }
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
  check_if_idle();
  return take_outputs();
}

void GroupPublisher::check_if_idle() const {
  if (scheduler_.is_idle() && leaving_.empty()) scheduler_.check_idle_invariants();
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
