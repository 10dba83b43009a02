#include "braid/controller/request_queue.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

// A waiting request as the groups see it.
struct RequestQueue::Candidate {
  WaitingMap::iterator at;
  WaitingEntry entry;                                // without its prefix
  std::vector<std::optional<PrefixProbe>> prefixes;  // by group; absent: not looked up yet

  WaitingEntry in(int32_t group) const {
    WaitingEntry own = entry;
    own.prefix = prefixes[static_cast<size_t>(group)].value_or(PrefixProbe());
    return own;
  }
  bool may_go_to(int32_t group) const { return at->second.only_group.value_or(group) == group; }
  // Walks the whole prompt through a group's prefix cache, once, and only if the request's turn depends on it.
  PrefixProbe look_up(int32_t group, Probe probe) {
    auto& prefix = prefixes[static_cast<size_t>(group)];
    if (!prefix) prefix = probe(group, at->second.request.reusable_prompt());
    return *prefix;
  }
};

RequestQueue::RequestQueue(SchedulePolicy policy, int32_t max_overtaken, int32_t window)
    : policy_(policy), max_overtaken_(max_overtaken), window_(window) {
  CHECK(max_overtaken >= 0 && window >= 1);
}

void RequestQueue::push(SchedulerRequest request, std::optional<int32_t> only_group) {
  if (policy_ != SchedulePolicy::kPriority) request.priority = 0;  // its group orders by it too
  const Place place{-int64_t{request.priority}, request.arrival, request.id};
  num_tokens_ += static_cast<int64_t>(request.prompt.size());
  const bool is_new = places_.emplace(request.id, place).second;
  CHECK(is_new, "request {} waits already", request.id);
  waiting_.emplace(place, Waiting{.request = std::move(request), .only_group = only_group});
}

bool RequestQueue::abort(RequestId request) {
  const auto place = places_.find(request);
  if (place == places_.end()) return false;
  take(waiting_.find(place->second));
  return true;
}

std::vector<RequestQueue::Binding> RequestQueue::pop_admissible(std::vector<Credits> groups, Probe probe,
                                                                PickGroup pick) {
  std::vector<Binding> bound;
  const auto has_credits = [](const Credits& credits) {
    return credits.num_requests >= 1 && (credits.num_pages >= 1 || credits.is_idle);
  };
  if (waiting_.empty() || std::ranges::none_of(groups, has_credits)) return bound;
  std::vector<Candidate> candidates = look_ahead(groups.size());
  while (const auto picked = pick_for_any(candidates, groups, probe)) {
    Candidate candidate = std::move(candidates[*picked]);
    candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(*picked));
    std::vector<std::optional<PrefixProbe>> prefixes(groups.size());
    for (int32_t group = 0; group < static_cast<int32_t>(groups.size()); ++group) {
      const auto index = static_cast<size_t>(group);
      if (!candidate.may_go_to(group) || groups[index].num_requests < 1) continue;
      candidate.look_up(group, probe);
      if (fits(candidate.in(group), groups[index])) prefixes[index] = candidate.prefixes[index];
    }
    const int32_t group = pick(candidate.at->second.request, prefixes);
    CHECK(prefixes.at(static_cast<size_t>(group)).has_value(), "group {} has no room", group);
    const WaitingEntry entry = candidate.in(group);
    Credits& credits = groups[static_cast<size_t>(group)];
    const int64_t num_pages = pages_to_admit(entry, credits);
    credits.num_requests -= 1;
    credits.num_pages -= num_pages;
    credits.is_idle = false;
    for (Candidate& other : candidates) {
      if (!other.may_go_to(group) || !is_overtaken(policy_, other.entry, entry)) continue;
      other.entry.times_overtaken += 1;
      other.at->second.times_overtaken += 1;
    }
    bound.push_back({.request = take(candidate.at), .group = group, .num_pages = num_pages});
  }
  return bound;
}

std::vector<RequestQueue::Candidate> RequestQueue::look_ahead(size_t num_groups) {
  std::vector<Candidate> candidates;
  for (auto at = waiting_.begin(); at != waiting_.end() && static_cast<int32_t>(candidates.size()) < window_; ++at) {
    const SchedulerRequest& request = at->second.request;
    candidates.push_back({.at = at,
                          .entry = {.arrival = request.arrival,
                                    .priority = request.priority,
                                    .prompt_len = static_cast<int32_t>(request.prompt.size()),
                                    .prefix = {},
                                    .times_overtaken = at->second.times_overtaken},
                          .prefixes = std::vector<std::optional<PrefixProbe>>(num_groups)});
  }
  return candidates;
}

// The candidate whose turn it is in one group; nothing if none fits, or if the group waits for one that was overtaken
// too often.
std::optional<size_t> RequestQueue::pick_for(std::span<Candidate> candidates, int32_t group, const Credits& credits,
                                             Probe probe) const {
  if (credits.num_requests < 1) return std::nullopt;
  std::vector<WaitingEntry> entries;
  std::vector<size_t> indices;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].may_go_to(group)) continue;
    if (turns_need_prefixes(policy_)) candidates[i].look_up(group, probe);
    entries.push_back(candidates[i].in(group));
    indices.push_back(i);
  }
  const auto picked = pick_next(policy_, entries, credits, max_overtaken_,
                                [&](size_t i) { return candidates[indices[i]].look_up(group, probe); });
  return picked ? std::optional(indices[*picked]) : std::nullopt;
}

// Of the candidates whose turn it is in some group, the one that goes first.
std::optional<size_t> RequestQueue::pick_for_any(std::span<Candidate> candidates, std::span<const Credits> groups,
                                                 Probe probe) const {
  std::optional<size_t> best;
  WaitingEntry best_entry;
  for (int32_t group = 0; group < static_cast<int32_t>(groups.size()); ++group) {
    const auto picked = pick_for(candidates, group, groups[static_cast<size_t>(group)], probe);
    if (!picked) continue;
    const WaitingEntry entry = candidates[*picked].in(group);
    if (best && !goes_before(policy_, entry, best_entry, max_overtaken_)) continue;
    best = picked;
    best_entry = entry;
  }
  return best;
}

SchedulerRequest RequestQueue::take(WaitingMap::iterator at) {
  SchedulerRequest request = std::move(at->second.request);
  num_tokens_ -= static_cast<int64_t>(request.prompt.size());
  places_.erase(request.id);
  waiting_.erase(at);
  return request;
}

}  // namespace braid
