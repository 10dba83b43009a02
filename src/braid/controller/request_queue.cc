#include "braid/controller/request_queue.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

// What the groups have at this turn.
struct RequestQueue::Turn {
  std::vector<Credits> groups;
  Probe probe;
  std::span<const PrefixVersion> versions;
  const std::map<ListKey, Reservation>& reservations;

  int32_t num_groups() const { return static_cast<int32_t>(groups.size()); }
  const Credits& of(int32_t group) const { return groups[static_cast<size_t>(group)]; }
};

// A waiting request as the groups see it.
struct RequestQueue::Candidate {
  WaitingMap::iterator at;
  WaitingEntry entry;                                // without its prefix
  std::vector<std::optional<PrefixProbe>> prefixes;  // by group; absent: not looked up in this turn

  ListKey list() const { return at->second.only_group.value_or(kAnyGroup); }
  bool may_go_to(int32_t group) const { return at->second.only_group.value_or(group) == group; }
  WaitingEntry in(int32_t group, const Turn& turn) const {
    WaitingEntry own = entry;
    own.prefix = prefixes[static_cast<size_t>(group)].value_or(PrefixProbe());
    const auto reserved = turn.reservations.find(list());
    own.is_awaited = reserved != turn.reservations.end() && reserved->second.request == at->second.request.id &&
                     reserved->second.group == group;
    return own;
  }
  // Walks the whole prompt through a group's prefix cache, once, and only if the request's turn depends on it.
  PrefixProbe look_up(int32_t group, const Turn& turn) {
    const auto index = static_cast<size_t>(group);
    if (prefixes[index]) return *prefixes[index];
    std::vector<std::optional<KnownPrefix>>& known = at->second.prefixes;
    known.resize(turn.groups.size());
    const bool still_holds = !turn.versions.empty() && known[index] && known[index]->version == turn.versions[index];
    if (!still_holds) {
      known[index] = KnownPrefix{.prefix = turn.probe(group, at->second.request.reusable_prompt()),
                                 .version = turn.versions.empty() ? PrefixVersion() : turn.versions[index]};
    }
    prefixes[index] = known[index]->prefix;
    return *prefixes[index];
  }
  // Whether the request fits if other sequences hold as much of its prompt as is possible by now.
  bool could_fit(int32_t group, const Turn& turn) const {
    const auto index = static_cast<size_t>(group);
    const Credits& credits = turn.of(group);
    WaitingEntry best = in(group, turn);
    if (!prefixes[index]) {
      int64_t most_held = best.prompt_len / credits.page_size;
      const auto& known = at->second.prefixes;
      if (!turn.versions.empty() && known.size() > index && known[index]) {
        const uint64_t num_new = turn.versions[index].num_held - known[index]->version.num_held;
        most_held = std::min(most_held, known[index]->prefix.num_held_pages + static_cast<int64_t>(num_new));
      }
      best.prefix.num_held_pages = static_cast<int32_t>(most_held);
    }
    return fits(best, credits);
  }
};

RequestQueue::RequestQueue(SchedulePolicy policy, int32_t max_overtaken, int32_t window)
    : policy_(policy), max_overtaken_(max_overtaken), window_(window) {
  CHECK(max_overtaken >= 0 && window >= 1);
}

void RequestQueue::push(SchedulerRequest request, std::optional<int32_t> only_group, int32_t num_output) {
  if (policy_ != SchedulePolicy::kPriority) request.priority = 0;  // its group orders by it too
  const Place place{-int64_t{request.priority}, request.arrival, request.id};
  const RequestId id = request.id;
  CHECK(!places_.contains(id), "request {} waits already", id);
  const auto num_tokens = static_cast<int64_t>(request.prompt.size());
  const auto [at, is_new] = lists_[only_group.value_or(kAnyGroup)].emplace(
      place, Waiting{.request = std::move(request), .only_group = only_group, .num_output = num_output});
  places_.emplace(id, at);
  num_tokens_ += num_tokens;
}

bool RequestQueue::abort(RequestId request) {
  const auto place = places_.find(request);
  if (place == places_.end()) return false;
  take(place->second);
  return true;
}

std::vector<RequestId> RequestQueue::lose(int32_t group) {
  lost_groups_.insert(group);
  std::erase_if(reservations_, [&](const auto& entry) { return entry.second.group == group; });
  std::vector<RequestId> only_there;
  if (const auto own = lists_.find(group); own != lists_.end()) {
    for (const auto& [place, waiting] : own->second) only_there.push_back(waiting.request.id);
  }
  return only_there;
}

std::vector<RequestQueue::Binding> RequestQueue::pop_admissible(std::vector<Credits> groups, Probe probe,
                                                                PickGroup pick,
                                                                std::span<const PrefixVersion> versions) {
  std::vector<Binding> bound;
  const auto has_credits = [](const Credits& credits) {
    return credits.num_requests >= 1 && (credits.num_pages >= 1 || credits.is_idle);
  };
  if (empty() || std::ranges::none_of(groups, has_credits)) return bound;
  Turn turn{.groups = std::move(groups), .probe = probe, .versions = versions, .reservations = reservations_};
  std::vector<Candidate> candidates = look_ahead(turn);
  for (reserve(candidates, turn); const auto picked = pick_for_any(candidates, turn); reserve(candidates, turn)) {
    Candidate candidate = std::move(candidates[*picked]);
    candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(*picked));
    std::vector<std::optional<PrefixProbe>> prefixes(turn.groups.size());
    for (int32_t group = 0; group < turn.num_groups(); ++group) {
      const auto index = static_cast<size_t>(group);
      if (!candidate.may_go_to(group) || turn.of(group).num_requests < 1) continue;
      candidate.look_up(group, turn);
      if (fits(candidate.in(group, turn), turn.of(group))) prefixes[index] = candidate.prefixes[index];
    }
    const int32_t group = pick(candidate.at->second.request, prefixes);
    CHECK(prefixes.at(static_cast<size_t>(group)).has_value(), "group {} has no room", group);
    const WaitingEntry entry = candidate.in(group, turn);
    Credits& credits = turn.groups[static_cast<size_t>(group)];
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

bool RequestQueue::is_reserved(int32_t group) const {
  return std::ranges::any_of(reservations_, [&](const auto& entry) { return entry.second.group == group; });
}

// Of requests for one group: only if it has a place for one.
std::vector<RequestQueue::Candidate> RequestQueue::look_ahead(const Turn& turn) {
  std::vector<Candidate> candidates;
  for (auto& [list, waiting] : lists_) {
    if (list != kAnyGroup && (list >= turn.num_groups() || turn.of(list).num_requests < 1)) continue;
    auto at = waiting.begin();
    for (int32_t i = 0; i < window_ && at != waiting.end(); ++i, ++at) {
      const SchedulerRequest& request = at->second.request;
      candidates.push_back({.at = at,
                            .entry = {.arrival = request.arrival,
                                      .priority = request.priority,
                                      .prompt_len = static_cast<int32_t>(request.prompt.size()) + at->second.num_output,
                                      .prefix = {},
                                      .times_overtaken = at->second.times_overtaken},
                            .prefixes = std::vector<std::optional<PrefixProbe>>(turn.groups.size())});
    }
  }
  return candidates;
}

// Lets the first request of each list that was overtaken too often reserve a group. It keeps that group until it leaves
// the queue, or another goes before it: if the group changed with every page that becomes free somewhere, none would
// ever have enough.
void RequestQueue::reserve(std::span<Candidate> candidates, const Turn& turn) {
  std::map<ListKey, Candidate*> due;
  for (Candidate& candidate : candidates) {
    if (candidate.entry.times_overtaken < max_overtaken_) continue;
    Candidate*& first = due[candidate.list()];
    if (first == nullptr || goes_before(policy_, candidate.entry, first->entry, max_overtaken_)) first = &candidate;
  }
  for (const auto& [list, candidate] : due) {
    const RequestId id = candidate->at->second.request.id;
    const auto reserved = reservations_.find(list);
    if (reserved != reservations_.end() && reserved->second.request == id) continue;
    std::optional<int32_t> nearest;
    int64_t least_missing = 0;
    for (int32_t group = 0; group < turn.num_groups(); ++group) {
      if (!candidate->may_go_to(group) || lost_groups_.contains(group)) continue;
      candidate->look_up(group, turn);
      const int64_t missing = pages_missing(candidate->in(group, turn), turn.of(group));
      if (nearest && missing >= least_missing) continue;
      nearest = group;
      least_missing = missing;
    }
    if (nearest) reservations_[list] = {.request = id, .group = *nearest};
  }
}

// The candidate whose turn it is in one group; nothing if none fits, or if the group waits for one that was overtaken
// too often.
std::optional<size_t> RequestQueue::pick_for(std::span<Candidate> candidates, int32_t group, const Turn& turn) const {
  if (turn.of(group).num_requests < 1) return std::nullopt;
  std::vector<WaitingEntry> entries;
  std::vector<size_t> indices;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].may_go_to(group)) continue;
    if (turns_need_prefixes(policy_) && candidates[i].could_fit(group, turn)) candidates[i].look_up(group, turn);
    entries.push_back(candidates[i].in(group, turn));
    indices.push_back(i);
  }
  const auto picked = pick_next(policy_, entries, turn.of(group), max_overtaken_, [&](size_t i) {
    Candidate& candidate = candidates[indices[i]];
    return candidate.could_fit(group, turn) ? candidate.look_up(group, turn) : PrefixProbe();
  });
  return picked ? std::optional(indices[*picked]) : std::nullopt;
}

// Of the candidates whose turn it is in some group, the one that goes first.
std::optional<size_t> RequestQueue::pick_for_any(std::span<Candidate> candidates, const Turn& turn) const {
  std::optional<size_t> best;
  WaitingEntry best_entry;
  for (int32_t group = 0; group < turn.num_groups(); ++group) {
    const auto picked = pick_for(candidates, group, turn);
    if (!picked) continue;
    const WaitingEntry entry = candidates[*picked].in(group, turn);
    if (best && !goes_before(policy_, entry, best_entry, max_overtaken_)) continue;
    best = picked;
    best_entry = entry;
  }
  return best;
}

SchedulerRequest RequestQueue::take(WaitingMap::iterator at) {
  const ListKey list = at->second.only_group.value_or(kAnyGroup);
  SchedulerRequest request = std::move(at->second.request);
  num_tokens_ -= static_cast<int64_t>(request.prompt.size());
  places_.erase(request.id);
  const auto reserved = reservations_.find(list);
  if (reserved != reservations_.end() && reserved->second.request == request.id) reservations_.erase(reserved);
  const auto own = lists_.find(list);
  own->second.erase(at);
  if (own->second.empty()) lists_.erase(own);
  return request;
}

}  // namespace braid
