// Which group a request goes to (--load-balance-method). Pure functions over plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

enum class LoadBalanceMethod : uint8_t {
  kAuto,            // measured_time
  kRoundRobin,      // the next group in turn
  kShortestQueue,   // the fewest requests
  kMinimumTokens,   // the fewest tokens: prompt tokens to be computed, and context tokens
  kPrefixAffinity,  // the longest cached prefix of the prompt, among the groups that are not much fuller than others
  kMeasuredTime,    // the same, but what groups have to do is weighed in seconds, as their steps have taken
};
Result<LoadBalanceMethod> parse_load_balance_method(std::string_view name);  // "auto", "round_robin", …
std::string_view load_balance_method_name(LoadBalanceMethod method);
// Never kAuto.
LoadBalanceMethod resolve_load_balance_method(LoadBalanceMethod method);

// A group as one request sees it: its admitted requests and those on their way to it, and its cached prefix.
struct GroupView {
  bool has_room = false;           // for this request
  int64_t num_requests = 0;        // running or waiting there
  int64_t num_tokens = 0;          // prompt tokens to be computed, and context tokens
  int64_t num_prefill_tokens = 0;  // of these, prompt tokens to be computed
  int64_t cached_tokens = 0;       // of this prompt
  int64_t recent_tokens = 0;       // computed lately (RecentWork)
  // The same in seconds of this group, for kMeasuredTime (WorkRates).
  double work_s = 0;    // for all that it has to do, with this request as if nothing of its prompt were cached
  double saved_s = 0;   // of these, for what is cached
  double recent_s = 0;  // for what it computed lately
};

// How many tokens fuller than the least loaded group a group may be and still get a request because of its cached
// prefix. So many tokens more than another it may also have computed lately, beyond those of the prefix that the other
// would have to compute. A popular prefix fills its group up to here; then other groups get it too, and are even from
// then on.
inline constexpr int64_t kAffinityWindowTokens = 4096;
// A group without requests may have computed so many times those tokens of the prefix. Nobody waits for it, so only a
// prefix that is used much more often is worth being computed twice, and not each long conversation of a single client.
inline constexpr int64_t kIdleAffinity = 4;
// Groups whose work takes so much longer than the least are as good as that one: the estimate is no better.
inline constexpr double kEvenShare = 0.1;
// Among those the one with the fewest prompt tokens before this request, counted in pieces of about a step: a step that
// mostly reads weights takes hardly longer for them, so the work does not show that each piece is a step to wait.
inline constexpr int64_t kPromptPieceTokens = 512;

// The group with room that gets the request; nothing if no group has room. `last_group`: the group that got the last
// request; -1: none yet. Ties go to the fewest tokens, then to the fewest requests, then to what was computed
// lately, then to the lowest group: idle groups take turns. `affinity_window_s`: the time that a usual group takes for
// the tokens of the window.
std::optional<int32_t> pick_group(LoadBalanceMethod method, std::span<const GroupView> groups, int32_t last_group,
                                  int64_t affinity_window = kAffinityWindowTokens, double affinity_window_s = 0);

}  // namespace braid
