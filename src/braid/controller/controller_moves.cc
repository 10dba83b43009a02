// Requests that move from one group to another while they run.
//
// The order goes to the source group. Its outputs after the step that copied the last pages out bring the sequence, or
// they say that it stayed, because it had ended. Outputs of the source from before are read before, and the target
// reports only after it got the sequence: tokens stay in order, and none is computed twice. A sequence that was aborted
// meanwhile still goes to its target and is aborted there, because its pages are on their way and must be received.
#include <algorithm>
#include <limits>
#include <utility>

#include "braid/base/check.h"
#include "braid/controller/controller.h"

namespace braid {

void Controller::rebalance() {
  if (!rebalance_) return;
  std::vector<GroupBalance> groups = balances();
  is_unbalanced_ = is_unbalanced(groups, is_unbalanced_, *rebalance_);
  const auto has_place = [&] {
    return std::ssize(moves_) - num_copies_under_way() < rebalance_->max_under_way &&
           std::cmp_less(moves_.size(), kMaxMovesUnderWay);
  };
  while (has_place() && wants_moves(groups, is_unbalanced_)) {
    const std::vector<MovableRequest> movable = movable_requests();
    const auto choice = pick_move(groups, movable, is_unbalanced_, *rebalance_);
    if (!choice) return;
    order_move(movable[choice->index], choice->to_group);
    groups = balances();
    is_unbalanced_ = is_unbalanced(groups, is_unbalanced_, *rebalance_);
  }
}

std::vector<GroupBalance> Controller::balances() const {
  std::vector<GroupBalance> balances;
  for (const GroupLedger& group : groups_) {
    Credits credits = group.credits();
    if (queue_.is_reserved(static_cast<int32_t>(balances.size()))) credits.num_requests = 0;
    const SchedulerStats& stats = group.load().scheduler;
    balances.push_back({.num_requests = group.num_requests(),
                        .num_pages = stats.num_pages,
                        .page_size = credits.page_size,
                        .free_requests = credits.num_requests,
                        .free_pages = credits.num_pages,
                        .max_request_pages = credits.max_request_pages,
                        .is_starved = stats.num_waiting > 0 && credits.num_pages == 0,
                        .is_lost = group.is_down()});
  }
  return balances;
}

// Of all requests whose pages are on their way: ordered to leave, between the groups, or not all taken by the target.
int64_t Controller::num_moving_tokens() const {
  int64_t total = 0;
  for (const auto& [id, under_way] : moves_) total += under_way.num_tokens;
  for (const PassedOn& own : passed_on_) total += own.num_tokens;
  for (const GroupLedger& group : groups_) {
    total += group.load().num_arriving_pages * group.load().credits.page_size;
  }
  return total;
}

std::vector<MovableRequest> Controller::movable_requests() {
  const int64_t most_tokens = std::min(rebalance_->max_tokens, max_moving_tokens_);
  const int64_t max_tokens = most_tokens - num_moving_tokens();
  std::vector<MovableRequest> movable;
  for (auto& [id, choice] : choices_) {
    const GenerationRequest& request = choice.submission->request;
    if (!choice.group || request.dp_rank_strict || moves_.contains(id)) continue;
    const int32_t num_output = choice.usage.output_tokens;
    if (num_output < choice.may_move_at) continue;
    const int64_t most =
        request.until_context_end ? std::numeric_limits<int32_t>::max() : request.sampling.max_new_tokens;
    if (most - num_output < rebalance_->min_left) continue;
    const int64_t num_tokens = int64_t{choice.usage.prompt_tokens} + num_output;
    if (num_tokens > most_tokens && !std::exchange(choice.is_too_long_to_move, true)) {
      ++num_too_long_to_move_;
    }
    if (num_tokens > max_tokens) continue;
    movable.push_back({.request = id, .group = *choice.group, .num_tokens = num_tokens, .arrival = id});
  }
  // Sorted, so that equal histories lead to equal moves.
  std::ranges::sort(movable, {}, &MovableRequest::request);
  return movable;
}

void Controller::order_move(const MovableRequest& request, int32_t to_group) {
  const Move move{.id = next_move_++, .from_group = request.group, .to_group = to_group};
  GroupLedger& target = ledger(to_group);
  const Credits credits = target.credits();
  const int64_t num_pages = pages_of_move(request.num_tokens, credits.page_size, credits.max_request_pages);
  ledger(request.group).depart({.request = request.request, .move = move}, request.num_tokens);
  target.expect(num_pages, request.num_tokens);
  moves_.emplace(request.request, MoveUnderWay{.move = move,
                                               .num_pages = num_pages,
                                               .num_tokens = request.num_tokens,
                                               .submission = choices_.at(request.request).submission});
}

void Controller::take_departure(MovingSequence moving, double now_s) {
  const RequestId id = moving.sequence.request.id;
  const auto node = moves_.extract(id);
  CHECK(!node.empty() && node.mapped().move.id == moving.move.id, "request {} left group {} unasked", id,
        moving.move.from_group);
  MoveUnderWay& under_way = node.mapped();
  if (under_way.prefix) return pass_prefix_on(std::move(under_way), std::move(moving), now_s);
  const int32_t target = moving.move.to_group;
  ledger(moving.move.from_group).leaves_no_more(under_way.num_tokens);
  ledger(target).expect_no_more(under_way.num_pages, under_way.num_tokens);
  const auto choice = choices_.find(id);
  const bool has_ended = choice == choices_.end();
  if (under_way.is_target_lost || ledger(target).is_down()) {  // its pages are nobody's
    if (has_ended) return;
    choice->second.group = target;  // so it may go back to its source
    requeue(id);
    return;
  }
  if (has_ended && moving.move.num_pages == 0) return;  // no pages are on their way
  if (!has_ended) {
    choice->second.group = target;
    choice->second.may_move_at = choice->second.usage.output_tokens + rebalance_->min_stay;
    const int64_t num_tokens = std::ssize(moving.sequence.request.prompt) + std::ssize(moving.sequence.output);
    GroupMoves& given = num_moves_.at(static_cast<size_t>(moving.move.from_group));
    ++given.num_given;
    if (moving.move.num_pages > 0) given.num_given_tokens += static_cast<uint64_t>(num_tokens);
    ++num_moves_.at(static_cast<size_t>(target)).num_taken;
    moved_.push_back({.request = id,
                      .from_group = moving.move.from_group,
                      .to_group = target,
                      .num_tokens = num_tokens,
                      .num_pages = moving.move.num_pages});
  }
  // Groups do not send images' bytes back.
  if (under_way.submission != nullptr) moving.sequence.request.images = under_way.submission->request.images;
  const bool has_pages = moving.move.num_pages > 0;
  const uint64_t command =
      ledger(target).arrive(std::move(moving), under_way.num_pages, {.num_context_tokens = under_way.num_tokens});
  if (has_pages) passed_on_.push_back({.to_group = target, .command = command, .num_tokens = under_way.num_tokens});
  if (!has_ended) return;
  const uint64_t abort = ledger(target).abort(id);
  if (under_way.submission != nullptr) under_way.submission->drops[target] = abort;
}

void Controller::forget_move(RequestId request) {
  const auto node = moves_.extract(request);
  CHECK(!node.empty(), "request {} stayed, and was not to leave", request);
  MoveUnderWay& under_way = node.mapped();
  if (under_way.prefix) {
    ++num_moves_.at(static_cast<size_t>(under_way.move.from_group)).num_prefixes_gone;
    return start_waiting(std::move(under_way));
  }
  ledger(under_way.move.from_group).leaves_no_more(under_way.num_tokens);
  ledger(under_way.move.to_group).expect_no_more(under_way.num_pages, under_way.num_tokens);
}

}  // namespace braid
