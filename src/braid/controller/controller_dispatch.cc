// The part of Controller that binds waiting requests to groups. Tested by controller_test.cc and by
// simulation/prefix_view_simulation_test.cc.
#include <unordered_map>
#include <utility>

#include "braid/controller/controller.h"

namespace braid {

void Controller::dispatch(double now_s) {
  const auto probe = [&](const SchedulerRequest& request, std::span<PrefixProbe> by_group) {
    prefixes_.probe(prefixes_of(request), by_group);
  };
  dispatch(now_s, probe, prefixes_.versions());
}

std::span<const uint64_t> Controller::prefixes_of(const SchedulerRequest& request) {
  std::vector<uint64_t>& prefixes = choices_.at(request.id).submission->prefixes;
  if (prefixes.empty()) prefixes = prefixes_.prefixes_of(request.prompt);
  return prefixes_.reusable(prefixes, std::ssize(request.reusable_prompt()));
}

void Controller::dispatch(double now_s, RequestQueue::Probe probe, std::span<const PrefixVersion> versions) {
  try_next_suspect();
  if (queue_.empty()) return;
  view_groups();
  std::vector<TokenLoad> added;
  std::unordered_map<int32_t, uint64_t> num_bound;  // by group, in this turn
  std::vector<int32_t> num_there(views_.size());    // pages of the prompt in each group, or on their way to it
  const auto pick = [&](const SchedulerRequest& request, std::span<const std::optional<PrefixProbe>> prefixes) {
    for (size_t i = 0; i < views_.size(); ++i) num_there[i] = prefixes[i] ? prefixes[i]->num_cached_pages : 0;
    const std::span<const uint64_t> own_prefixes = prefixes_of(request);
    prefixes_on_the_way_.extend(own_prefixes, num_there);
    std::vector<PrefixCopies> copies;
    if (sharing_) copies = find_copies(own_prefixes);
    const auto with_copies = [&](size_t i) {
      return copies.empty() ? num_there[i] : std::max(num_there[i], copies[i].num_pages());
    };
    for (size_t i = 0; i < views_.size(); ++i) {
      views_[i].has_room = prefixes[i].has_value();
      views_[i].cached_tokens = int64_t{with_copies(i)} * credits_[i].page_size;
    }
    // The prompt counts as it will in the group's load: its uncached tokens to be computed, and its context.
    const int64_t num_tokens = std::ssize(request.prompt) + std::ssize(choices_.at(request.id).output);
    if (method_ == LoadBalanceMethod::kMeasuredTime) view_time(load_of_request(num_tokens, 0));
    const std::optional<int32_t> wished = choices_.at(request.id).submission->request.dp_rank;
    const bool has_its_wish = wished && views_.at(static_cast<size_t>(*wished)).has_room;
    const std::optional<int32_t> lost = choices_.at(request.id).lost_group;
    const bool goes_back =
        lost && keeps_pages_[static_cast<size_t>(*lost)] && views_[static_cast<size_t>(*lost)].has_room;
    const double window_s = static_cast<double>(kAffinityWindowTokens) * work_rates_.rates().prompt_s;
    if (has_its_wish || goes_back) {
      last_group_ = has_its_wish ? *wished : *lost;
    } else {
      last_group_ = *pick_group(method_, views_, last_group_, kAffinityWindowTokens, window_s);
    }
    GroupView& picked = views_[static_cast<size_t>(last_group_)];
    added.push_back(load_of_request(num_tokens, picked.cached_tokens));
    const auto index = static_cast<size_t>(last_group_);
    const bool waits =
        sharing_ && awaits_prefix(request, last_group_, own_prefixes, num_there[index], copies[index], now_s);
    picked.num_requests += 1;
    picked.num_tokens += added.back().num_tokens();
    picked.num_prefill_tokens += added.back().num_prefill_tokens;
    work_s_[index] += work_rates_.slowness(last_group_) * work_rates_.seconds_of(added.back(), 1);
    if (waits) return last_group_;  // it is sent later
    const uint64_t command = groups_[index].num_sent() + ++num_bound[last_group_];
    prefixes_on_the_way_.add(last_group_, command, own_prefixes, with_copies(index));
    return last_group_;
  };
  std::vector<RequestQueue::Binding> bound = queue_.pop_admissible(credits_, probe, pick, versions);
  for (size_t i = 0; i < bound.size(); ++i) bind(std::move(bound[i]), added[i], now_s);
}

// Brings the figures of the groups that have changed up to date.
void Controller::view_groups() {
  for (const int32_t group : unviewed_.take()) {
    const auto index = static_cast<size_t>(group);
    credits_[index] = groups_[index].credits();
    views_[index].num_requests = groups_[index].num_requests();
    const TokenLoad tokens = groups_[index].tokens();
    views_[index].num_tokens = tokens.num_tokens();
    views_[index].num_prefill_tokens = tokens.num_prefill_tokens;
    view_work(index);
  }
  for (size_t index = 0; index < views_.size(); ++index) {
    views_[index].recent_tokens = static_cast<int64_t>(recent_work_.of(static_cast<int32_t>(index)));
  }
  if (method_ != LoadBalanceMethod::kMeasuredTime || viewed_rates_ == work_rates_.version()) return;
  viewed_rates_ = work_rates_.version();
  for (size_t index = 0; index < views_.size(); ++index) view_work(index);
}

void Controller::view_work(size_t index) {
  work_s_[index] = work_rates_.slowness(static_cast<int32_t>(index)) *
                   work_rates_.seconds_of(groups_[index].tokens(), groups_[index].num_requests());
}

// The groups' times, with a request that is to be bound.
void Controller::view_time(const TokenLoad& request) {
  const double request_s = work_rates_.seconds_of(request, 1);
  const double steps_s = work_rates_.seconds_of_steps();
  const double token_s = work_rates_.rates().prompt_s;
  const double mean_busy_s = busy_time_.mean();
  const double least_slowness = work_rates_.least_slowness();
  for (size_t index = 0; index < views_.size(); ++index) {
    const auto group = static_cast<int32_t>(index);
    const double slowness = work_rates_.slowness(group);
    // What steps take whatever they compute is more on a slow node, too. To count it always would leave that node
    // without work as long as others have room. So it counts while the node has been busier than the mean.
    const double of_steps = busy_time_.of(group) > mean_busy_s ? slowness : least_slowness;
    views_[index].work_s = work_s_[index] + slowness * request_s + of_steps * steps_s;
    views_[index].saved_s = slowness * work_rates_.saved_seconds(views_[index].cached_tokens);
    views_[index].recent_s = token_s * recent_time_.of(group);
  }
}

void Controller::bind(RequestQueue::Binding bound, const TokenLoad& load, double now_s) {
  const RequestId id = bound.request.id;
  Choice& choice = choices_.at(id);
  choice.group = bound.group;
  if (!choice.queue_s) {  // else it was bound before, and its mask has been asked for
    choice.queue_s = now_s - choice.submission->submitted_s;
    if (choice.grammar) masks_.ask(id, choice.usage.output_tokens, *choice.grammar);
  }
  if (choice.lost_group) ++num_resumed_;
  if (const auto awaited = std::exchange(choice.awaited, std::nullopt)) {
    ledger(bound.group).expect(bound.num_pages, load.num_context_tokens);
    moves_.at(*awaited).waiting.push_back(
        {.request = std::move(bound.request), .num_pages = bound.num_pages, .load = load});
    return;
  }
  if (choice.output.empty()) return ledger(bound.group).add(std::move(bound.request), bound.num_pages, load);
  // It goes on as a sequence that moves without pages: the group computes them again.
  ledger(bound.group)
      .arrive(
          {.move = {.id = next_move_++, .from_group = choice.lost_group.value_or(bound.group), .to_group = bound.group},
           .sequence = {.request = std::move(bound.request),
                        .output = choice.output,
                        .cached_tokens = choice.usage.cached_tokens}},
          bound.num_pages, load);
}

}  // namespace braid
