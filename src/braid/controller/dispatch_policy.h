// Which group a request goes to, as pure functions over plain data: --load-balance-method.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

enum class LoadBalanceMethod : uint8_t {
  kAuto,            // prefix_affinity with the prefix cache, else minimum_tokens
  kRoundRobin,      // the next group in turn
  kShortestQueue,   // the fewest requests
  kMinimumTokens,   // the fewest tokens: of prompts still to be computed, and of what runs
  kPrefixAffinity,  // the longest prefix of the prompt in its cache, among the groups that are not much fuller than
                    // others
};
Result<LoadBalanceMethod> parse_load_balance_method(std::string_view name);  // "auto", "round_robin", …
std::string_view load_balance_method_name(LoadBalanceMethod method);
// Never kAuto.
LoadBalanceMethod resolve_load_balance_method(LoadBalanceMethod method, bool radix_cache);

// A group as one request sees it: what it has admitted, what is on its way to it, and what it knows of the prompt.
struct GroupView {
  bool has_room = false;      // for this request
  int64_t num_requests = 0;   // that run or wait there
  int64_t num_tokens = 0;     // prompts' that are still to be computed, and those of what runs
  int64_t cached_tokens = 0;  // of this prompt
};

// How many tokens fuller than the least loaded group one may be to get a request for the sake of its prefix: a popular
// prefix fills its group so far, and then the others get it too.
inline constexpr int64_t kAffinityWindowTokens = 4096;

// The group of `groups` to take the request, one with room; nothing if none has. `last_group`: who got the last one;
// -1: nobody yet. Ties go to the fewest tokens, then to the fewest requests, then to the lowest group.
std::optional<int32_t> pick_group(LoadBalanceMethod method, std::span<const GroupView> groups, int32_t last_group,
                                  int64_t affinity_window = kAffinityWindowTokens);

}  // namespace braid
