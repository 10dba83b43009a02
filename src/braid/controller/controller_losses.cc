// Worlds of groups that are lost. The controller has every token that was delivered, so a request goes on from there,
// in another group or in the same one when that has started again: same seed, same positions, and a mask, if it has a
// grammar, that was asked for already.
//
// A request may itself be what ends its world. So one that was lost twice and got nothing in between is set aside with
// an error. If there are several, they are tried one by one, and the one under trial when the world is lost again is
// set aside.
//
// Tested by controller_losses_test.cc and by the simulation.
#include <algorithm>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/controller/controller.h"

namespace braid {

std::vector<MoveId> Controller::lose_groups(int32_t first, int32_t num_groups, const std::string& reason,
                                            bool may_return, bool is_planned) {
  const auto is_of_world = [&](std::optional<int32_t> group) {
    return group && *group >= first && *group < first + num_groups;
  };
  std::vector<MoveId> begun;
  for (int32_t group = first; group < first + num_groups; ++group) {
    const bool was_down = ledger(group).is_down();
    if (!ledger(group).is_gone()) ledger(group).lose(may_return);
    if (was_down) continue;
    queue_.lose(group);
    prefixes_.lose(group);
    prefixes_on_the_way_.lose(group);
    std::ranges::copy(forget_moves_of_lost(group), std::back_inserter(begun));
    for (const std::shared_ptr<Flush>& flush : std::exchange(flushes_.at(static_cast<size_t>(group)), {})) {
      is_to_flush_[static_cast<size_t>(group)] = true;
      if (flush != nullptr && --flush->num_groups_left == 0) flush->done(flush->num_tokens);
    }
  }
  std::vector<RequestId> going_on;
  std::vector<RequestId> ending;
  for (const auto& [id, choice] : choices_) {
    const GenerationRequest& request = choice.submission->request;
    if (!may_return && request.dp_rank_strict && is_of_world(request.dp_rank)) {
      ending.push_back(id);
    } else if (is_of_world(choice.group)) {
      going_on.push_back(id);
    }
  }
  std::ranges::sort(going_on);  // so that equal histories lead to equal choices of groups
  if (is_planned) {
    for (const RequestId id : going_on) requeue(id);
  } else {
    take_back(std::move(going_on), reason);
  }
  for (const RequestId id : ending) {
    withdraw(id);
    const int32_t group = choices_.at(id).submission->request.dp_rank.value();
    end_choice(id, {.finish = FinishReason::kError, .error = fmt::format("group {} is lost: {}", group, reason)});
  }
  return begun;
}

void Controller::restart_group(int32_t group, const GroupLoad& load, bool keeps_pages) {
  CHECK(ledger(group).is_down() && !ledger(group).is_gone(), "group {} starts again, and was not down", group);
  ledger(group).restart(load);
  queue_.restart(group);
  keeps_pages_.at(static_cast<size_t>(group)) = keeps_pages;
  const bool is_to_flush = is_to_flush_[static_cast<size_t>(group)];
  is_to_flush_[static_cast<size_t>(group)] = false;
  if (is_to_flush && keeps_pages) {
    ledger(group).flush_cache();
    flushes_[static_cast<size_t>(group)].push_back(nullptr);  // whoever asked has been answered
  }
  if (is_paused_) pause_commands_.at(static_cast<size_t>(group)) = ledger(group).pause(true);
}

// Puts the requests of a lost world back into the queue, except those that may be what ended it.
void Controller::take_back(std::vector<RequestId> ids, const std::string& reason) {
  std::vector<RequestId> lost_again;
  for (const RequestId id : ids) {
    Choice& choice = choices_.at(id);
    choice.lost_group = std::exchange(choice.group, std::nullopt);
    const int64_t num_delivered = choice.num_delivered();
    if (std::exchange(choice.lost_at, num_delivered) == num_delivered) lost_again.push_back(id);
  }
  std::vector<RequestId> suspects;
  if (suspect_ && std::ranges::find(lost_again, *suspect_) != lost_again.end()) {
    lost_again = {*std::exchange(suspect_, std::nullopt)};
  }
  if (lost_again.size() == 1) {
    std::erase(ids, lost_again.front());
    set_aside(lost_again.front(), reason);
  } else {
    suspects = std::move(lost_again);
  }
  for (const RequestId id : ids) {
    if (std::ranges::find(suspects, id) == suspects.end()) requeue(id);
  }
  std::ranges::copy(suspects, std::back_inserter(suspects_));
}

void Controller::set_aside(RequestId id, const std::string& reason) {
  ++num_set_aside_;
  end_choice(id, {.finish = FinishReason::kError,
                  .error = fmt::format("the request is set aside: its ranks failed twice while it ran and got no token "
                                       "({})",
                                       reason)});
}

// The next one follows when this one has got something, or has ended.
void Controller::try_next_suspect() {
  if (suspect_) {
    const auto tried = choices_.find(*suspect_);
    if (tried != choices_.end() && tried->second.num_delivered() == tried->second.lost_at) return;
    suspect_.reset();
  }
  if (suspects_.empty()) return;
  suspect_ = suspects_.front();
  suspects_.pop_front();
  requeue(*suspect_);
}

// Its place in the queue is that of its arrival, so it goes before all that have not begun.
void Controller::requeue(RequestId id) {
  Choice& choice = choices_.at(id);
  if (choice.group) choice.lost_group = std::exchange(choice.group, std::nullopt);
  const GenerationRequest& asked = choice.submission->request;
  SchedulerRequest request = scheduler_request(asked, id, choice.index);
  if (choice.output.empty() && request.sampling.prompt_logprobs_start >= 0) {
    request.sampling.prompt_logprobs_start = static_cast<int32_t>(request.first_scored()) + choice.num_scored;
  }
  queue_.push(std::move(request), asked.dp_rank_strict ? asked.dp_rank : std::nullopt,
              static_cast<int32_t>(choice.output.size()));
}

// Takes a request that waits out again. False: it is in a group.
bool Controller::withdraw(RequestId id) {
  return queue_.abort(id) || std::erase(suspects_, id) > 0;
}

// What was ordered to leave the lost group will not come. What is ordered to go to it comes, and is queued then; what
// had left its source already has been queued. Returns the moves of the first kind.
std::vector<MoveId> Controller::forget_moves_of_lost(int32_t group) {
  std::vector<MoveId> begun;
  for (auto& [request, under_way] : moves_) {
    if (under_way.move.to_group != group) continue;
    under_way.is_target_lost = true;
    drop_waiting(under_way);
  }
  std::erase_if(moves_, [&](const auto& entry) {
    const MoveUnderWay& under_way = entry.second;
    if (under_way.move.from_group != group) return false;
    begun.push_back(under_way.move.id);
    if (under_way.prefix) {
      start_waiting(under_way);
      return true;
    }
    ledger(group).leaves_no_more(under_way.num_tokens);
    ledger(under_way.move.to_group).expect_no_more(under_way.num_pages, under_way.num_tokens);
    return true;
  });
  std::erase_if(passed_on_, [&](const PassedOn& own) { return own.to_group == group; });
  return begun;
}

}  // namespace braid
