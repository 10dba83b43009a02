#include "braid/controller/rebalance_policy.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

namespace braid {
namespace {

bool has_room(const GroupBalance& group, int64_t num_tokens, const RebalanceOptions& options) {
  const auto margin = static_cast<int64_t>(std::ceil(options.room_share * group.num_pages));
  return !group.is_starved && group.free_requests > 0 &&
         group.free_pages - pages_of_move(num_tokens, group.page_size, group.max_request_pages) >= margin;
}

// The request that came last in a starved group and fits into another; groups with the most free pages are tried first.
std::optional<MoveChoice> relieve_starved(std::span<const GroupBalance> groups, std::span<const MovableRequest> movable,
                                          const RebalanceOptions& options) {
  std::optional<MoveChoice> best;
  for (size_t i = 0; i < movable.size(); ++i) {
    if (!groups[static_cast<size_t>(movable[i].group)].is_starved) continue;
    if (best && movable[i].arrival < movable[best->index].arrival) continue;
    std::optional<size_t> target;
    for (size_t group = 0; group < groups.size(); ++group) {
      if (!has_room(groups[group], movable[i].num_tokens, options)) continue;
      if (!target || groups[group].free_pages > groups[*target].free_pages) target = group;
    }
    if (target) best = MoveChoice{.index = i, .to_group = static_cast<int32_t>(*target)};
  }
  return best;
}

// From the fullest group with a movable request to the emptiest group that can take it, if that still evens them out.
std::optional<MoveChoice> even_out(std::span<const GroupBalance> groups, std::span<const MovableRequest> movable,
                                   const RebalanceOptions& options) {
  std::optional<MoveChoice> best;
  const auto key = [&](const MoveChoice& choice) {
    const MovableRequest& request = movable[choice.index];
    return std::tuple(-groups[static_cast<size_t>(request.group)].num_requests, request.group,
                      groups[static_cast<size_t>(choice.to_group)].num_requests, choice.to_group, request.num_tokens,
                      ~request.arrival);
  };
  for (size_t i = 0; i < movable.size(); ++i) {
    const int64_t source_requests = groups[static_cast<size_t>(movable[i].group)].num_requests;
    for (size_t group = 0; group < groups.size(); ++group) {
      if (source_requests - groups[group].num_requests <= std::max(options.stop_gap, 1)) continue;
      if (!has_room(groups[group], movable[i].num_tokens, options)) continue;
      const MoveChoice choice{.index = i, .to_group = static_cast<int32_t>(group)};
      if (!best || key(choice) < key(*best)) best = choice;
    }
  }
  return best;
}

}  // namespace

bool is_unbalanced(std::span<const GroupBalance> groups, bool was_unbalanced, const RebalanceOptions& options) {
  std::vector<int64_t> num_requests;
  for (const GroupBalance& group : groups) {
    if (!group.is_lost) num_requests.push_back(group.num_requests);
  }
  if (num_requests.empty()) return false;
  const auto [least, most] = std::ranges::minmax_element(num_requests);
  const int64_t gap = *most - *least;
  if (was_unbalanced) return gap > options.stop_gap;
  return gap >= options.start_gap && static_cast<double>(gap) >= options.start_share * static_cast<double>(*most);
}

bool wants_moves(std::span<const GroupBalance> groups, bool is_unbalanced) {
  return groups.size() > 1 && (is_unbalanced || std::ranges::any_of(groups, &GroupBalance::is_starved));
}

std::optional<MoveChoice> pick_move(std::span<const GroupBalance> groups, std::span<const MovableRequest> movable,
                                    bool is_unbalanced, const RebalanceOptions& options) {
  if (!wants_moves(groups, is_unbalanced)) return std::nullopt;
  if (const auto choice = relieve_starved(groups, movable, options)) return choice;
  return is_unbalanced ? even_out(groups, movable, options) : std::nullopt;
}

int64_t pages_of_move(int64_t num_tokens, int32_t page_size, int32_t max_request_pages) {
  const int64_t pages = (num_tokens + page_size - 1) / page_size + 1;
  return max_request_pages > 0 ? std::min<int64_t>(pages, max_request_pages) : pages;
}

}  // namespace braid
