// Who of the waiting requests goes next, as pure functions over plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/request/prefix_probe.h"
#include "braid/wire/group_load.h"

namespace braid {

enum class SchedulePolicy : uint8_t {
  kFcfs,      // first come, first served
  kLpm,       // the longest prefix in the cache first
  kPriority,  // the highest priority first, within one fcfs
};
Result<SchedulePolicy> parse_schedule_policy(std::string_view name);  // "fcfs", "lpm", "priority"
std::string_view schedule_policy_name(SchedulePolicy policy);

// A waiting request, as far as its turn depends on it.
struct WaitingEntry {
  uint64_t arrival = 0;
  int32_t priority = 0;
  int32_t prompt_len = 0;
  PrefixProbe prefix;
  int32_t times_overtaken = 0;  // by requests that came later and were not preferred by their priority
};

// Pages that a request takes from a group's credits: its prompt and one page to grow, or as many as it can hold where
// that is fewer, less what others hold already.
int64_t pages_to_admit(const WaitingEntry& entry, const Credits& credits);
bool fits(const WaitingEntry& entry, const Credits& credits);

// An entry that was overtaken `max_overtaken` times goes before all others of its priority, and when it does not fit,
// nobody whom the policy does not prefer by priority goes before it: so every request's turn comes.
bool goes_before(SchedulePolicy policy, const WaitingEntry& a, const WaitingEntry& b, int32_t max_overtaken);

// The index of the entry to admit now; nothing if none fits, or if the queue waits for one that was overtaken too
// often.
std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken);

// The same where prefixes are still to be looked up: `look_up` is called for an entry that does not fit without one,
// and for no other. Only a policy whose turns_need_prefixes() must find them in the entries.
using LookUpPrefix = FunctionRef<PrefixProbe(size_t index)>;
std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken, LookUpPrefix look_up);
bool turns_need_prefixes(SchedulePolicy policy);

// Whether `entry` counts as overtaken when `picked` is admitted before it.
bool is_overtaken(SchedulePolicy policy, const WaitingEntry& entry, const WaitingEntry& picked);

}  // namespace braid
