// Prefixes that a group takes from another one instead of computing them.
//
// When a request is bound to a group that lacks much of its prompt, and another group has it, the controller orders a
// copy there, and the request waits here for it, as do others with the same prefix that are bound meanwhile. The
// source's outputs bring what it had. With the first of those that wait it goes to the target, whose scheduler holds
// the others back until the prefix is in its cache. If the source has evicted it, or is lost, they begin without.
#include <algorithm>
#include <utility>

#include "braid/controller/controller.h"

namespace braid {

int64_t Controller::num_copies_under_way() const {
  return std::ranges::count_if(moves_, [](const auto& entry) { return entry.second.prefix.has_value(); });
}

void Controller::place_ranks(std::vector<RankStatus> ranks) {
  placed_ranks_ = std::move(ranks);
}

CopyRate& Controller::copy_rate(int32_t from_group, int32_t to_group) {
  return copy_rates_[static_cast<size_t>(copy_way(placed_ranks_, from_group, to_group))];
}

// The beginnings of the prompt that are on their way between groups, by the group that gets them.
std::vector<Controller::PrefixCopies> Controller::find_copies(std::span<const uint64_t> prefixes) const {
  std::vector<PrefixCopies> by_group(groups_.size());
  for (const auto& [ordered_for, copy] : moves_) {
    if (!copy.prefix || copy.is_target_lost || !copy.prefix->begins(prefixes)) continue;
    PrefixCopies& own = by_group[static_cast<size_t>(copy.move.to_group)];
    if (copy.prefix->num_pages <= own.num_ordered_pages) continue;
    own.num_ordered_pages = copy.prefix->num_pages;
    own.ordered_for = ordered_for;
  }
  for (const PassedOn& passed : passed_on_) {
    if (!passed.prefix || !passed.prefix->begins(prefixes)) continue;
    PrefixCopies& own = by_group[static_cast<size_t>(passed.to_group)];
    own.num_passed_pages = std::max(own.num_passed_pages, passed.prefix->num_pages);
  }
  return by_group;
}

// Whether the request, which is about to be bound to the group, waits for a prefix from another group. `num_there`:
// pages of the prompt that the group has or computes, without `copies`, which are on their way to it.
bool Controller::awaits_prefix(const SchedulerRequest& request, int32_t group, std::span<const uint64_t> prefixes,
                               int32_t num_there, const PrefixCopies& copies, double now_s) {
  Choice& choice = choices_.at(request.id);
  if (!choice.output.empty() || prefixes.empty() || moves_.contains(request.id)) return false;
  if (copies.num_ordered_pages > num_there) {
    choice.awaited = copies.ordered_for;
    return true;
  }
  std::vector<PrefixProbe> probes(groups_.size());
  prefixes_.probe(prefixes, probes);
  std::vector<int32_t> num_pages;
  for (const PrefixProbe& probe : probes) num_pages.push_back(probe.num_cached_pages);
  int32_t& own_pages = num_pages[static_cast<size_t>(group)];
  own_pages = std::max({own_pages, num_there, copies.num_passed_pages});
  const auto source =
      prefix_source(num_pages, group, [&](int32_t other) { return groups_[static_cast<size_t>(other)].is_down(); });
  if (!source) return false;
  const int64_t page_size = credits_[static_cast<size_t>(group)].page_size;
  const int32_t most = num_pages[static_cast<size_t>(*source)];
  const int64_t own_tokens = own_pages * page_size;
  const int64_t num_tokens = most * page_size;
  if (num_tokens - own_tokens < sharing_->min_tokens || num_copies_under_way() >= sharing_->max_under_way ||
      std::cmp_greater_equal(moves_.size(), kMaxMovesUnderWay) ||
      num_moving_tokens() + num_tokens > std::min(sharing_->max_tokens, max_moving_tokens_)) {
    return false;
  }
  const double computed_s = prefill_rate_.seconds_of(
      work_rates_.slowness(group) * (work_rates_.saved_seconds(num_tokens) - work_rates_.saved_seconds(own_tokens)));
  CopyRate& rate = copy_rate(*source, group);
  if (rate.seconds_of(num_tokens) >= sharing_->most_of_computing * computed_s) {
    rate.forget_a_little();
    return false;
  }
  order_prefix(request, {.id = next_move_++, .from_group = *source, .to_group = group},
               {.hash = prefixes[static_cast<size_t>(most - 1)], .num_pages = most}, now_s);
  choice.awaited = request.id;
  return true;
}

void Controller::order_prefix(const SchedulerRequest& request, const Move& move, const CopiedPrefix& prefix,
                              double now_s) {
  const int64_t num_tokens = int64_t{prefix.num_pages} * credits_[static_cast<size_t>(move.to_group)].page_size;
  ledger(move.from_group)
      .give_prefix({.request = request.id,
                    .move = move,
                    .prefix = {request.prompt.begin(), request.prompt.begin() + num_tokens},
                    .prompt_len = static_cast<int32_t>(request.prompt.size())});
  moves_.emplace(request.id, MoveUnderWay{.move = move,
                                          .num_tokens = num_tokens,
                                          .submission = choices_.at(request.id).submission,
                                          .prefix = prefix,
                                          .ordered_s = now_s});
}

// The copy has left its group. The first request that still waits takes it along; if none does, its pages must be
// received all the same.
void Controller::pass_prefix_on(MoveUnderWay copy, MovingSequence moving, double now_s) {
  const int32_t num_tokens = moving.sequence.cached_tokens;
  copy_rate(copy.move.from_group, copy.move.to_group).take(num_tokens, now_s - copy.ordered_s);
  GroupMoves& given = num_moves_.at(static_cast<size_t>(copy.move.from_group));
  ++given.num_prefixes_given;
  const int32_t target = copy.move.to_group;
  if (copy.is_target_lost || ledger(target).is_down()) return;  // those that waited are in the queue again
  GroupMoves& taken = num_moves_.at(static_cast<size_t>(target));
  ++taken.num_prefixes_taken;
  taken.num_prefix_tokens_taken += static_cast<uint64_t>(num_tokens);
  const auto is_open = [&](const Waiting& waiting) { return choices_.contains(waiting.request.id); };
  auto bearer = std::ranges::find_if(copy.waiting, is_open);
  const bool has_ended = bearer == copy.waiting.end();
  if (has_ended) bearer = copy.waiting.begin();
  std::iter_swap(copy.waiting.begin(), bearer);
  Waiting first = std::move(copy.waiting.front());
  copy.waiting.erase(copy.waiting.begin());
  const RequestId id = first.request.id;
  moved_.push_back({.request = id,
                    .from_group = copy.move.from_group,
                    .to_group = target,
                    .num_tokens = num_tokens,
                    .num_pages = moving.move.num_pages,
                    .is_prefix = true});
  ledger(target).expect_no_more(first.num_pages, first.load.num_context_tokens);
  moving.sequence.request = std::move(first.request);
  const uint64_t command = ledger(target).arrive(std::move(moving), first.num_pages, first.load);
  passed_on_.push_back(
      {.to_group = target, .command = command, .num_tokens = num_tokens, .prefix = std::move(copy.prefix)});
  if (has_ended) {
    const uint64_t abort = ledger(target).abort(id);
    if (copy.submission != nullptr) copy.submission->drops[target] = abort;
  }
  start_waiting(std::move(copy));
}

// The requests that wait for the prefix go to their group, and compute what it lacks of it.
void Controller::start_waiting(MoveUnderWay copy) {
  const int32_t target = copy.move.to_group;
  for (Waiting& waiting : copy.waiting) {
    ledger(target).expect_no_more(waiting.num_pages, waiting.load.num_context_tokens);
    if (ledger(target).is_down() || !choices_.contains(waiting.request.id)) continue;
    ledger(target).add(std::move(waiting.request), waiting.num_pages, waiting.load);
  }
}

// Their group is lost, so they are requeued with all others of it.
void Controller::drop_waiting(MoveUnderWay& copy) {
  for (const Waiting& waiting : std::exchange(copy.waiting, {})) {
    ledger(copy.move.to_group).expect_no_more(waiting.num_pages, waiting.load.num_context_tokens);
  }
}

}  // namespace braid
