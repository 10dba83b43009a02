// Which of the waiting requests goes next (--schedule-policy). Pure functions over plain data.
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
  kPriority,  // the highest priority first; fcfs among equal priorities
};
Result<SchedulePolicy> parse_schedule_policy(std::string_view name);  // "fcfs", "lpm", "priority"
std::string_view schedule_policy_name(SchedulePolicy policy);

// What a waiting request's turn depends on.
struct WaitingEntry {
  uint64_t arrival = 0;
  int32_t priority = 0;
  int32_t prompt_len = 0;
  PrefixProbe prefix;
  int32_t times_overtaken = 0;  // by later requests without a higher priority
  bool is_awaited = false;      // the group keeps its free room for this entry
};

// Pages that a request takes from a group's credits: its prompt and one page to grow (or the most that a request can
// hold, if that is fewer), minus the pages of its prefix that other sequences hold already.
int64_t pages_to_admit(const WaitingEntry& entry, const Credits& credits);
bool fits(const WaitingEntry& entry, const Credits& credits);
// How many pages must become free before the entry fits; 0 also if the group lacks only places for requests.
int64_t pages_missing(const WaitingEntry& entry, const Credits& credits);

// An entry that was overtaken `max_overtaken` times goes before all others of its priority.
bool goes_before(SchedulePolicy policy, const WaitingEntry& a, const WaitingEntry& b, int32_t max_overtaken);

// The index of the entry to admit now; nothing if none fits. While an awaited entry does not fit, only entries that go
// before it are admitted. So its turn comes.
std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken);

// The same when prefixes are not looked up yet: calls `look_up` only for entries that do not fit without a prefix. A
// policy for which turns_need_prefixes() is true needs the prefixes in the entries.
using LookUpPrefix = FunctionRef<PrefixProbe(size_t index)>;
std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken, LookUpPrefix look_up);
bool turns_need_prefixes(SchedulePolicy policy);

// Whether admitting `picked` before `entry` counts as overtaking it.
bool is_overtaken(SchedulePolicy policy, const WaitingEntry& entry, const WaitingEntry& picked);

}  // namespace braid
