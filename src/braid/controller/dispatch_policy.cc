#include "braid/controller/dispatch_policy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr auto kLoadBalanceMethods = std::to_array(
    {LoadBalanceMethod::kAuto, LoadBalanceMethod::kRoundRobin, LoadBalanceMethod::kShortestQueue,
     LoadBalanceMethod::kMinimumTokens, LoadBalanceMethod::kPrefixAffinity, LoadBalanceMethod::kMeasuredTime});

// The group with room that has the smallest key; ties go to the lowest group.
template <typename KeyOf>
std::optional<int32_t> least_group(std::span<const GroupView> groups, const KeyOf& key_of) {
  std::optional<int32_t> best;
  decltype(key_of(groups[0])) least{};
  for (size_t group = 0; group < groups.size(); ++group) {
    if (!groups[group].has_room) continue;
    const auto key = key_of(groups[group]);
    if (best && !(key < least)) continue;
    best = static_cast<int32_t>(group);
    least = key;
  }
  return best;
}

std::optional<int32_t> next_in_turn(std::span<const GroupView> groups, int32_t last_group) {
  const size_t first = static_cast<size_t>(last_group + 1);
  for (size_t i = 0; i < groups.size(); ++i) {
    const size_t group = (first + i) % groups.size();
    if (groups[group].has_room) return static_cast<int32_t>(group);
  }
  return std::nullopt;
}

std::optional<int32_t> most_cached(std::span<const GroupView> groups, int64_t window) {
  int64_t least_tokens = std::numeric_limits<int64_t>::max();
  for (const GroupView& group : groups) {
    if (group.has_room) least_tokens = std::min(least_tokens, group.num_tokens);
  }
  const auto rested = least_group(groups, [](const GroupView& group) { return group.recent_tokens; });
  if (!rested) return std::nullopt;
  const GroupView& other = groups[static_cast<size_t>(*rested)];
  return least_group(groups, [&](const GroupView& group) {
    const int64_t recent_lead = group.recent_tokens - other.recent_tokens;
    const int64_t price = group.num_requests > 0 ? 1 : kIdleAffinity;
    const bool had_its_share = recent_lead > window + price * (group.cached_tokens - other.cached_tokens);
    const bool is_full = group.num_tokens - least_tokens > window || had_its_share;
    return std::tuple(is_full, is_full ? 0 : -group.cached_tokens, group.num_tokens, group.num_requests,
                      group.recent_tokens);
  });
}

// As most_cached(), in seconds. A group that is full or has had its share takes part with nothing cached.
std::optional<int32_t> soonest_done(std::span<const GroupView> groups, double window_s) {
  constexpr double kMost = std::numeric_limits<double>::max();
  double least_work_s = kMost;
  const GroupView* rested = nullptr;
  for (const GroupView& group : groups) {
    if (!group.has_room) continue;
    least_work_s = std::min(least_work_s, group.work_s);
    if (rested == nullptr || group.recent_s < rested->recent_s) rested = &group;
  }
  if (rested == nullptr) return std::nullopt;
  const auto is_full = [&](const GroupView& group) {
    const double recent_lead_s = group.recent_s - rested->recent_s;
    const double price = group.num_requests > 0 ? 1 : kIdleAffinity;
    return group.work_s - least_work_s > window_s ||
           recent_lead_s > window_s + price * (group.saved_s - rested->saved_s);
  };
  const auto cached_tokens = [&](const GroupView& group) { return is_full(group) ? -1 : group.cached_tokens; };
  int64_t most_cached_tokens = -1;
  double soonest_s = kMost;
  for (const GroupView& group : groups) {
    if (!group.has_room) continue;
    const int64_t cached = cached_tokens(group);
    if (cached > most_cached_tokens) soonest_s = kMost;
    most_cached_tokens = std::max(most_cached_tokens, cached);
    if (cached == most_cached_tokens) soonest_s = std::min(soonest_s, group.work_s - group.saved_s);
  }
  return least_group(groups, [&](const GroupView& group) {
    const bool is_candidate =
        cached_tokens(group) == most_cached_tokens && group.work_s - group.saved_s <= (1 + kEvenShare) * soonest_s;
    return std::tuple(!is_candidate, group.num_prefill_tokens / kPromptPieceTokens, group.recent_s);
  });
}

}  // namespace

Result<LoadBalanceMethod> parse_load_balance_method(std::string_view name) {
  for (const LoadBalanceMethod method : kLoadBalanceMethods) {
    if (name == load_balance_method_name(method)) return method;
  }
  return fail(
      "--load-balance-method {}: use auto, round_robin, shortest_queue, minimum_tokens, prefix_affinity or "
      "measured_time",
      name);
}

std::string_view load_balance_method_name(LoadBalanceMethod method) {
  switch (method) {
    case LoadBalanceMethod::kAuto:
      return "auto";
    case LoadBalanceMethod::kRoundRobin:
      return "round_robin";
    case LoadBalanceMethod::kShortestQueue:
      return "shortest_queue";
    case LoadBalanceMethod::kMinimumTokens:
      return "minimum_tokens";
    case LoadBalanceMethod::kPrefixAffinity:
      return "prefix_affinity";
    case LoadBalanceMethod::kMeasuredTime:
      return "measured_time";
  }
  return "unknown";
}

LoadBalanceMethod resolve_load_balance_method(LoadBalanceMethod method) {
  return method == LoadBalanceMethod::kAuto ? LoadBalanceMethod::kMeasuredTime : method;
}

std::optional<int32_t> pick_group(LoadBalanceMethod method, std::span<const GroupView> groups, int32_t last_group,
                                  int64_t affinity_window, double affinity_window_s) {
  switch (method) {
    case LoadBalanceMethod::kAuto:
      break;
    case LoadBalanceMethod::kRoundRobin:
      return next_in_turn(groups, last_group);
    case LoadBalanceMethod::kShortestQueue:
      return least_group(groups, [](const GroupView& group) {
        return std::tuple(group.num_requests, group.num_tokens, group.recent_tokens);
      });
    case LoadBalanceMethod::kMinimumTokens:
      return least_group(groups, [](const GroupView& group) {
        return std::tuple(group.num_tokens, group.num_requests, group.recent_tokens);
      });
    case LoadBalanceMethod::kPrefixAffinity:
      return most_cached(groups, affinity_window);
    case LoadBalanceMethod::kMeasuredTime:
      return soonest_done(groups, affinity_window_s);
  }
  CHECK(false, "method {} is not resolved", load_balance_method_name(method));
  return std::nullopt;
}

}  // namespace braid
