// Groups that are lost while others are left. The controller has every token that was delivered, so a request goes on
// in another group from there: same seed, same positions, and a mask, if it has a grammar, that was asked for already.
// Tested by controller_losses_test.cc and by the simulation.
#include <algorithm>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/controller/controller.h"

namespace braid {

std::vector<MoveId> Controller::lose_group(int32_t group, const std::string& reason) {
  if (ledger(group).is_lost()) return {};
  ledger(group).lose();
  std::vector<MoveId> begun = forget_moves_of_lost(group);
  for (const std::shared_ptr<Flush>& flush : std::exchange(flushes_.at(static_cast<size_t>(group)), {})) {
    if (flush != nullptr && --flush->num_groups_left == 0) flush->done(flush->num_tokens);
  }
  std::vector<RequestId> ending = queue_.lose(group);
  std::vector<RequestId> going_on;
  for (const auto& [id, choice] : choices_) {
    if (choice.group != group) continue;
    (choice.submission->request.dp_rank_strict ? ending : going_on).push_back(id);
  }
  std::ranges::sort(going_on);  // so that equal histories lead to equal choices of groups
  for (const RequestId id : going_on) requeue(id);
  for (const RequestId id : ending) {
    queue_.abort(id);
    end_choice(id, {.finish = FinishReason::kError, .error = fmt::format("group {} is lost: {}", group, reason)});
  }
  return begun;
}

// Its place in the queue is that of its arrival, so it goes before all that have not begun.
void Controller::requeue(RequestId id) {
  Choice& choice = choices_.at(id);
  choice.lost_group = std::exchange(choice.group, std::nullopt);
  SchedulerRequest request = scheduler_request(choice.submission->request, id, choice.index);
  if (choice.output.empty() && request.sampling.prompt_logprobs_start >= 0) {
    request.sampling.prompt_logprobs_start = static_cast<int32_t>(request.first_scored()) + choice.num_scored;
  }
  queue_.push(std::move(request), std::nullopt, static_cast<int32_t>(choice.output.size()));
}

// What was ordered to leave the lost group will not come. What is ordered to go to it comes, and is queued then; what
// had left its source already has been queued. Returns the moves of the first kind.
std::vector<MoveId> Controller::forget_moves_of_lost(int32_t group) {
  std::vector<MoveId> begun;
  std::erase_if(moves_, [&](const auto& entry) {
    const MoveUnderWay& under_way = entry.second;
    if (under_way.move.from_group != group) return false;
    ledger(group).leaves_no_more(under_way.num_tokens);
    ledger(under_way.move.to_group).expect_no_more(under_way.num_pages, under_way.num_tokens);
    begun.push_back(under_way.move.id);
    return true;
  });
  std::erase_if(passed_on_, [&](const PassedOn& own) { return own.to_group == group; });
  return begun;
}

}  // namespace braid
