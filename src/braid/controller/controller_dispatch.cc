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
  std::vector<int64_t> added_tokens;
  std::unordered_map<int32_t, uint64_t> num_bound;  // by group, in this turn
  std::vector<int32_t> num_there(views_.size());    // pages of the prompt in each group, or on their way to it
  const auto pick = [&](const SchedulerRequest& request, std::span<const std::optional<PrefixProbe>> prefixes) {
    for (size_t i = 0; i < views_.size(); ++i) num_there[i] = prefixes[i] ? prefixes[i]->num_cached_pages : 0;
    const std::span<const uint64_t> own_prefixes = prefixes_of(request);
    prefixes_on_the_way_.extend(own_prefixes, num_there);
    for (size_t i = 0; i < views_.size(); ++i) {
      views_[i].has_room = prefixes[i].has_value();
      views_[i].cached_tokens = int64_t{num_there[i]} * credits_[i].page_size;
    }
    const std::optional<int32_t> wished = choices_.at(request.id).submission->request.dp_rank;
    const bool has_its_wish = wished && views_.at(static_cast<size_t>(*wished)).has_room;
    last_group_ = has_its_wish ? *wished : *pick_group(method_, views_, last_group_);
    GroupView& picked = views_[static_cast<size_t>(last_group_)];
    // The prompt counts as it will in the group's load: its uncached tokens to be computed, and its context.
    const int64_t num_tokens = std::ssize(request.prompt) + std::ssize(choices_.at(request.id).output);
    added_tokens.push_back(2 * num_tokens - picked.cached_tokens);
    picked.num_requests += 1;
    picked.num_tokens += added_tokens.back();
    const auto index = static_cast<size_t>(last_group_);
    const uint64_t command = groups_[index].num_sent() + ++num_bound[last_group_];
    prefixes_on_the_way_.add(last_group_, command, own_prefixes, num_there[index]);
    return last_group_;
  };
  std::vector<RequestQueue::Binding> bound = queue_.pop_admissible(credits_, probe, pick, versions);
  for (size_t i = 0; i < bound.size(); ++i) bind(std::move(bound[i]), added_tokens[i], now_s);
}

// Brings the figures of the groups that have changed up to date.
void Controller::view_groups() {
  for (const int32_t group : unviewed_.take()) {
    const auto index = static_cast<size_t>(group);
    credits_[index] = groups_[index].credits();
    views_[index].num_requests = groups_[index].num_requests();
    views_[index].num_tokens = groups_[index].num_tokens();
  }
  for (size_t index = 0; index < views_.size(); ++index) {
    views_[index].recent_tokens = recent_work_.of(static_cast<int32_t>(index));
  }
}

void Controller::bind(RequestQueue::Binding bound, int64_t num_tokens, double now_s) {
  const RequestId id = bound.request.id;
  Choice& choice = choices_.at(id);
  choice.group = bound.group;
  if (!choice.queue_s) {  // else it was bound before, and its mask has been asked for
    choice.queue_s = now_s - choice.submission->submitted_s;
    if (choice.grammar) masks_.ask(id, choice.usage.output_tokens, *choice.grammar);
  }
  if (choice.lost_group) ++num_resumed_;
  if (choice.output.empty()) return ledger(bound.group).add(std::move(bound.request), bound.num_pages, num_tokens);
  // It goes on as a sequence that moves without pages: the group computes them again.
  ledger(bound.group)
      .arrive(
          {.move = {.id = next_move_++, .from_group = choice.lost_group.value_or(bound.group), .to_group = bound.group},
           .sequence = {.request = std::move(bound.request),
                        .output = choice.output,
                        .cached_tokens = choice.usage.cached_tokens}},
          bound.num_pages, num_tokens);
}

}  // namespace braid
