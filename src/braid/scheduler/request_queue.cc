#include "braid/scheduler/request_queue.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

// One that waits, as the groups see it.
struct RequestQueue::Candidate {
  WaitingMap::iterator at;
  WaitingEntry entry;                 // its prefix apart
  std::vector<PrefixProbe> prefixes;  // by group

  WaitingEntry in(int32_t group) const {
    WaitingEntry own = entry;
    own.prefix = prefixes[static_cast<size_t>(group)];
    return own;
  }
  bool may_go_to(int32_t group) const { return at->second.only_group.value_or(group) == group; }
};

RequestQueue::RequestQueue(SchedulePolicy policy, int32_t max_overtaken, int32_t window)
    : policy_(policy), max_overtaken_(max_overtaken), window_(window) {
  CHECK(max_overtaken >= 0 && window >= 1);
}

void RequestQueue::push(SchedulerRequest request, std::optional<int32_t> only_group) {
  const int64_t rank = policy_ == SchedulePolicy::kPriority ? -int64_t{request.priority} : 0;
  const Place place{rank, request.arrival, request.id};
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
  std::vector<Candidate> candidates = look_ahead(groups, probe);
  while (const auto picked = pick_for_any(candidates, groups)) {
    const Candidate candidate = std::move(candidates[*picked]);
    candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(*picked));
    std::vector<std::optional<PrefixProbe>> prefixes(groups.size());
    for (int32_t group = 0; group < static_cast<int32_t>(groups.size()); ++group) {
      const auto index = static_cast<size_t>(group);
      if (candidate.may_go_to(group) && fits(candidate.in(group), groups[index])) {
        prefixes[index] = candidate.prefixes[index];
      }
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

std::vector<RequestQueue::Candidate> RequestQueue::look_ahead(std::span<const Credits> groups, Probe probe) {
  std::vector<Candidate> candidates;
  for (auto at = waiting_.begin(); at != waiting_.end() && static_cast<int32_t>(candidates.size()) < window_; ++at) {
    const SchedulerRequest& request = at->second.request;
    Candidate candidate{.at = at,
                        .entry = {.arrival = request.arrival,
                                  .priority = request.priority,
                                  .prompt_len = static_cast<int32_t>(request.prompt.size()),
                                  .prefix = {},
                                  .times_overtaken = at->second.times_overtaken},
                        .prefixes = {}};
    for (int32_t group = 0; group < static_cast<int32_t>(groups.size()); ++group) {
      candidate.prefixes.push_back(candidate.may_go_to(group) ? probe(group, request.reusable_prompt())
                                                              : PrefixProbe{});
    }
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

// Whose turn it is in one group; nothing if none fits, or if it waits for one that was overtaken too often.
std::optional<size_t> RequestQueue::pick_for(std::span<const Candidate> candidates, int32_t group,
                                             const Credits& credits) const {
  std::vector<WaitingEntry> entries;
  std::vector<size_t> indices;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].may_go_to(group)) continue;
    entries.push_back(candidates[i].in(group));
    indices.push_back(i);
  }
  const auto picked = pick_next(policy_, entries, credits, max_overtaken_);
  return picked ? std::optional(indices[*picked]) : std::nullopt;
}

// Of those whose turn it is in a group, who goes before the others.
std::optional<size_t> RequestQueue::pick_for_any(std::span<const Candidate> candidates,
                                                 std::span<const Credits> groups) const {
  std::optional<size_t> best;
  WaitingEntry best_entry;
  for (int32_t group = 0; group < static_cast<int32_t>(groups.size()); ++group) {
    const auto picked = pick_for(candidates, group, groups[static_cast<size_t>(group)]);
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
