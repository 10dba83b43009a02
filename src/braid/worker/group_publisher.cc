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
    shape.num_prefill_pairs += count_prefill_pairs(sequence.first_position, num_new);
    shape.num_prompt_tokens += num_new;
  }
  return shape;
}

int64_t num_moved_pages(const StepPlan& plan) {
  int64_t total = 0;
  for (const auto* pieces : {&plan.leaving, &plan.arriving}) {
    for (const MovedPages& piece : *pieces) {
      for (const std::vector<PageId>& pages : piece.pages) total += std::ssize(pages);
    }
  }
  return total;
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
  for (SchedulerRequest& request : command.add) add(std::move(request));
  for (MovingSequence& moving : command.arrive) {
    want_images(moving.sequence.request);
    arrivals_.push_back({.moving = std::move(moving)});
  }
  for (const RequestId request : command.abort) drop(request);
  for (const RequestId request : command.finish) drop(request);
  for (const DepartOrder& order : command.depart) depart(order);
  if (command.flush_cache) flush_cache();
  is_paused_ = command.is_paused.value_or(is_paused_);
  if (command.tell_prefixes) scheduler_.tell_all_prefixes();
}

// The next start goes on with pages that all ranks of the group have kept. So it is enough that the publisher has not.
void GroupPublisher::flush_cache() {
  next_.flushed_tokens.push_back(scheduler_.flush_cache());
  if (kept_records_ == nullptr) return;
  for (const PageId page : scheduler_.free_pages()) kept_records_->forget(page);
}

void GroupPublisher::add(SchedulerRequest request) {
  const RequestId id = request.id;
  want_images(request);
  if (auto added = scheduler_.add(std::move(request)); !added.ok()) end_with_error(id, added.error().message);
}

void GroupPublisher::end_with_error(RequestId request, const std::string& error) {
  release_images(request);
  next_.outcomes.push_back({.request = request, .finish = FinishReason::kError, .error = error});
  has_news_ = true;
}

void GroupPublisher::want_images(const SchedulerRequest& request) {
  if (request.images.empty()) return;
  CHECK(images_ != nullptr, "request {} has {} images, and nobody makes them", request.id, request.images.size());
  images_->want(request.id, request.images);
  with_images_.insert(request.id);
  awaiting_images_.push_back(request.id);
}

void GroupPublisher::release_images(RequestId request) {
  if (with_images_.erase(request) == 0) return;
  images_->release(request);
  std::erase(awaiting_images_, request);
}

void GroupPublisher::look_for_images() {
  for (const RequestId request : std::vector(awaiting_images_)) {
    const std::optional<ImagesState> state = images_->state(request);
    if (!state) continue;
    if (state->ok()) {
      if (scheduler_.images_are_there(request)) std::erase(awaiting_images_, request);
    } else {
      drop(request);
      end_with_error(request, state->error().message);
      next_.outcomes.back().is_bad_request = state->error().is_bad_request;
    }
  }
}

void GroupPublisher::drop(RequestId request) {
  release_images(request);
  if (scheduler_.abort(request)) return;
  for (Arriving& arriving : arrivals_) {
    if (arriving.moving.sequence.request.id != request) continue;
    arriving.is_dropped = true;
    if (arriving.pieces) arriving.pieces->drop_pages();
    scheduler_.give_up(request);
  }
}

void GroupPublisher::depart(const DepartOrder& order) {
  auto departure = order.prefix.empty() ? scheduler_.depart(order.request)
                                        : scheduler_.copy_prefix(order.request, order.prefix, order.prompt_len);
  if (!departure) {
    next_.stayed.push_back(order.request);
    return;
  }
  Move move = order.move;
  move.num_pages = departure->num_pages();
  leaving_.push_back({.sequence = std::move(departure->sequence),
                      .pieces = MovePieces(move, std::move(departure->pages), piece_pages_)});
}

void GroupPublisher::admit_arrivals() {
  for (Arriving& arriving : arrivals_) {
    if (arriving.pieces) continue;
    const Move& move = arriving.moving.move;
    std::optional<std::vector<std::vector<PageId>>> pages;
    if (!arriving.is_dropped) pages = scheduler_.arrive(arriving.moving.sequence, move.num_pages);
    arriving.pieces.emplace(move, std::move(pages).value_or(std::vector<std::vector<PageId>>()), piece_pages_);
  }
}

// A sequence without pages has no pieces, but waits for its turn all the same: departures are reported in order.
void GroupPublisher::copy_pieces_out(StepPlan& plan, Room& room) {
  while (!leaving_.empty()) {
    auto& [sequence, pieces] = leaving_.front();
    while (!pieces.is_done() && room.take(pieces.next_size(), sequence.is_prefix())) {
      plan.leaving.push_back(pieces.take_next());
    }
    if (!pieces.is_done()) return;
    scheduler_.release_departed(sequence.request.id);
    if (!sequence.is_prefix()) release_images(sequence.request.id);
    departing_.push_back({.move = pieces.move(), .sequence = std::move(sequence)});
    leaving_.pop_front();
  }
}

void GroupPublisher::report_departures() {
  while (!departing_.empty() && !(is_giving_ && is_giving_(departing_.front().move.id))) {
    next_.departed.push_back(std::move(departing_.front()));
    departing_.pop_front();
  }
}

// In order of arrival, which is the order in which the source sent them: a transport may identify messages by it.
void GroupPublisher::copy_pieces_in(StepPlan& plan, Room& room) {
  while (!arrivals_.empty()) {
    MovePieces& pieces = *arrivals_.front().pieces;
    const bool is_prefix = arrivals_.front().moving.sequence.is_prefix();
    while (!pieces.is_done() && room.take(pieces.next_size(), is_prefix)) {
      plan.arriving.push_back(pieces.take_next());
    }
    if (!pieces.is_done()) return;
    if (pieces.has_pages()) scheduler_.settle(arrivals_.front().moving.sequence.request.id);
    arrivals_.pop_front();
  }
}

std::shared_ptr<const StepPlan> GroupPublisher::plan(bool may_begin_prefills) {
  if (awaits_images()) look_for_images();
  admit_arrivals();
  StepPlan moves;
  Room room{.of_moves = move_room_.pages(), .of_all = max_step_pages_};
  copy_pieces_out(moves, room);
  copy_pieces_in(moves, room);
  std::optional<StepPlan> planned;
  if (!is_paused_) planned = scheduler_.plan(may_begin_prefills);
  is_scheduled_ = planned.has_value();
  if (!is_scheduled_ && !moves.moves_pages()) return nullptr;
  StepPlan plan = std::move(planned).value_or(StepPlan());
  plan.leaving = std::move(moves.leaving);
  plan.arriving = std::move(moves.arriving);
  plan_ = std::make_shared<const StepPlan>(std::move(plan));
  return plan_;
}

GroupOutputs GroupPublisher::commit(const StepResult& result, double step_s) {
  CHECK(plan_ != nullptr && result.step == plan_->step, "the result of step {} comes, and that is not under way",
        result.step);
  move_room_.count_step(step_s, result.move_s, num_moved_pages(*plan_));
  if (!is_scheduled_) {
    plan_ = nullptr;
    return take_outputs();
  }
  std::vector<RequestOutcome> outcomes = scheduler_.commit(result);
  for (const RequestOutcome& outcome : outcomes) {
    if (outcome.finish != FinishReason::kNone) release_images(outcome.request);
  }
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
  own_seconds_ += result.own_s;
  check_if_idle();
  return take_outputs();
}

void GroupPublisher::check_if_idle() const {
  if (scheduler_.is_idle()) scheduler_.check_idle_invariants();
}

std::optional<GroupOutputs> GroupPublisher::report() {
  report_departures();
  if (!has_news_ && next_.departed.empty()) return std::nullopt;
  return take_outputs();
}

GroupOutputs GroupPublisher::take_outputs() {
  has_news_ = false;
  report_departures();
  next_.sequence = ++num_outputs_;
  next_.load = load();
  next_.prefixes = scheduler_.take_prefix_changes();
  return std::exchange(next_, {});
}

GroupLoad GroupPublisher::load() const {
  int64_t num_arriving_pages = 0;
  for (const Arriving& own : arrivals_) {
    num_arriving_pages += own.pieces ? own.pieces->num_left() : own.moving.move.num_pages;
  }
  return {.scheduler = scheduler_.stats(),
          .credits = scheduler_.credits(),
          .num_commands = num_commands_,
          .num_steps = num_steps_,
          .step_seconds = step_seconds_,
          .own_seconds = own_seconds_,
          .num_step_tokens = num_step_tokens_,
          .num_longest_tokens = num_longest_tokens_,
          .num_arriving_pages = num_arriving_pages,
          .exchange = exchange_};
}

}  // namespace braid
