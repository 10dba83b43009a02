#include "braid/controller/dispatch_policy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr auto kLoadBalanceMethods =
    std::to_array({LoadBalanceMethod::kAuto, LoadBalanceMethod::kRoundRobin, LoadBalanceMethod::kShortestQueue,
                   LoadBalanceMethod::kMinimumTokens, LoadBalanceMethod::kPrefixAffinity});

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

}  // namespace

Result<LoadBalanceMethod> parse_load_balance_method(std::string_view name) {
  for (const LoadBalanceMethod method : kLoadBalanceMethods) {
    if (name == load_balance_method_name(method)) return method;
  }
  return fail("--load-balance-method {}: use auto, round_robin, shortest_queue, minimum_tokens or prefix_affinity",
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
  }
  return "unknown";
}

LoadBalanceMethod resolve_load_balance_method(LoadBalanceMethod method, bool radix_cache) {
  if (method != LoadBalanceMethod::kAuto) return method;
  return radix_cache ? LoadBalanceMethod::kPrefixAffinity : LoadBalanceMethod::kMinimumTokens;
}

std::optional<int32_t> pick_group(LoadBalanceMethod method, std::span<const GroupView> groups, int32_t last_group,
                                  int64_t affinity_window) {
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
  }
  CHECK(false, "method {} is not resolved", load_balance_method_name(method));
  return std::nullopt;
}

}  // namespace braid
