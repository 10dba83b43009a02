#include "braid/controller/request_queue.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "braid/base/check.h"

namespace braid {

// What the groups have at this turn.
struct RequestQueue::Turn {
  std::vector<Credits> groups;
  Probe probe;
  std::span<const PrefixVersion> versions;
  const std::map<ListKey, Reservation>& reservations;
  std::vector<int32_t> open = {};  // groups that had a place for a request when the turn began

  int32_t num_groups() const { return static_cast<int32_t>(groups.size()); }
  const Credits& of(int32_t group) const { return groups[static_cast<size_t>(group)]; }
};

// A waiting request as the groups see it.
struct RequestQueue::Candidate {
  WaitingMap::iterator at;
  WaitingEntry entry;         // without its prefix
  bool is_looked_up = false;  // in this turn

  ListKey list() const { return at->second.only_group.value_or(kAnyGroup); }
  bool may_go_to(int32_t group) const { return at->second.only_group.value_or(group) == group; }
  // Whether what is known of the group's prefixes holds in this turn.
  bool knows(int32_t group, const Turn& turn) const {
    const KnownPrefixes& known = at->second.known;
    const auto index = static_cast<size_t>(group);
    return is_looked_up ||
           (!turn.versions.empty() && known.has(index) && known.versions[index] == turn.versions[index]);
  }
  WaitingEntry in(int32_t group, const Turn& turn) const {
    WaitingEntry own = entry;
    if (knows(group, turn)) own.prefix = at->second.known.by_group[static_cast<size_t>(group)];
    const auto reserved = turn.reservations.find(list());
    own.is_awaited = reserved != turn.reservations.end() && reserved->second.request == at->second.request.id &&
                     reserved->second.group == group;
    return own;
  }
  // Walks the whole prompt through the groups' prefixes, once, and only if the request's turn depends on it.
  PrefixProbe look_up(int32_t group, const Turn& turn) {
    KnownPrefixes& known = at->second.known;
    if (!knows(group, turn)) {
      known.by_group.resize(turn.groups.size());
      turn.probe(at->second.request, known.by_group);
      known.versions.assign(turn.versions.begin(), turn.versions.end());
      is_looked_up = true;
    }
    return known.by_group[static_cast<size_t>(group)];
  }
  // Whether the request fits, with what other sequences hold of its prompt.
  bool fits_in(int32_t group, const Turn& turn) {
    const Credits& credits = turn.of(group);
    if (credits.num_requests < 1 || !may_go_to(group)) return false;
    if (fits(entry, credits)) return true;
    if (!could_fit(group, turn)) return false;
    WaitingEntry own = entry;
    own.prefix = look_up(group, turn);
    return fits(own, credits);
  }
  // Whether the request fits if other sequences hold as much of its prompt as is possible by now.
  bool could_fit(int32_t group, const Turn& turn) const {
    const auto index = static_cast<size_t>(group);
    const Credits& credits = turn.of(group);
    WaitingEntry best = entry;
    if (knows(group, turn)) {
      best.prefix = at->second.known.by_group[index];
    } else {
      int64_t most_held = best.prompt_len / credits.page_size;
      const KnownPrefixes& known = at->second.known;
      if (!turn.versions.empty() && known.has(index)) {
        const uint64_t num_new = turn.versions[index].num_held - known.versions[index].num_held;
        most_held = std::min(most_held, known.by_group[index].num_held_pages + static_cast<int64_t>(num_new));
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

void RequestQueue::lose(int32_t group) {
  lost_groups_.insert(group);
  std::erase_if(reservations_, [&](const auto& entry) { return entry.second.group == group; });
}

void RequestQueue::restart(int32_t group) {
  lost_groups_.erase(group);
  for (auto& [list, waiting] : lists_) {
    for (auto& [place, own] : waiting) {
      own.known = {};
    }
  }
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
  for (int32_t group = 0; group < turn.num_groups(); ++group) {
    if (turn.of(group).num_requests >= 1) turn.open.push_back(group);
  }
  std::vector<Candidate> candidates = look_ahead(turn);
  for (reserve(candidates, turn); const auto picked = pick_for_any(candidates, turn); reserve(candidates, turn)) {
    Candidate candidate = std::move(candidates[*picked]);
    candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(*picked));
    const std::span<const PrefixProbe> probes = look_up_last(candidate, turn);
    picked_prefixes_.assign(turn.groups.size(), std::nullopt);
    WaitingEntry entry = candidate.entry;
    for (const int32_t group : turn.open) {
      if (!candidate.may_go_to(group)) continue;
      entry.prefix = probes[static_cast<size_t>(group)];
      if (fits(entry, turn.of(group))) picked_prefixes_[static_cast<size_t>(group)] = entry.prefix;
    }
    const int32_t group = pick(candidate.at->second.request, picked_prefixes_);
    CHECK(picked_prefixes_.at(static_cast<size_t>(group)).has_value(), "group {} has no room", group);
    entry.prefix = *picked_prefixes_[static_cast<size_t>(group)];
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
                                      .times_overtaken = at->second.times_overtaken}});
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

// The same as pick_for_any() where the order of turns is the same in all groups: asks each candidate for a group, and
// not each group for a candidate.
std::optional<size_t> RequestQueue::pick_in_order(std::span<Candidate> candidates, const Turn& turn) const {
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto is_before = [&](size_t a, size_t b) {
    return goes_before(policy_, candidates[a].entry, candidates[b].entry, max_overtaken_);
  };
  if (!std::ranges::is_sorted(order, is_before)) std::ranges::sort(order, is_before);
  std::vector<int32_t> waiting;  // groups that keep their room for one that has come before
  for (const size_t index : order) {
    Candidate& candidate = candidates[index];
    const auto takes_it = [&](int32_t group) {
      return std::ranges::find(waiting, group) == waiting.end() && candidate.fits_in(group, turn);
    };
    const auto& only_group = candidate.at->second.only_group;
    if (only_group ? takes_it(*only_group) : std::ranges::any_of(turn.open, takes_it)) return index;
    const auto reserved = turn.reservations.find(candidate.list());
    if (reserved != turn.reservations.end() && reserved->second.request == candidate.at->second.request.id) {
      waiting.push_back(reserved->second.group);
    }
  }
  return std::nullopt;
}

// Of the candidates whose turn it is in some group, the one that goes first.
std::optional<size_t> RequestQueue::pick_for_any(std::span<Candidate> candidates, const Turn& turn) const {
  if (!turns_need_prefixes(policy_)) return pick_in_order(candidates, turn);
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

// The probes of a candidate that leaves the queue: they need not be kept with versions.
std::span<const PrefixProbe> RequestQueue::look_up_last(const Candidate& candidate, const Turn& turn) {
  const KnownPrefixes& known = candidate.at->second.known;
  if (candidate.is_looked_up || (!turn.versions.empty() && std::ranges::equal(known.versions, turn.versions))) {
    return known.by_group;
  }
  last_probes_.assign(turn.groups.size(), PrefixProbe());
  turn.probe(candidate.at->second.request, last_probes_);
  return last_probes_;
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
