#include "braid/controller/policy.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace braid {

Result<SchedulePolicy> parse_schedule_policy(std::string_view name) {
  for (const auto policy : {SchedulePolicy::kFcfs, SchedulePolicy::kLpm, SchedulePolicy::kPriority}) {
    if (name == schedule_policy_name(policy)) return policy;
  }
  return fail("--schedule-policy {}: use fcfs, lpm or priority", name);
}

std::string_view schedule_policy_name(SchedulePolicy policy) {
  switch (policy) {
    case SchedulePolicy::kFcfs:
      return "fcfs";
    case SchedulePolicy::kLpm:
      return "lpm";
    case SchedulePolicy::kPriority:
      return "priority";
  }
  return "unknown";
}

int64_t pages_to_admit(const WaitingEntry& entry, const Credits& credits) {
  int64_t pages = (int64_t{entry.prompt_len} + credits.page_size - 1) / credits.page_size + 1;
  if (credits.max_request_pages > 0) pages = std::min<int64_t>(pages, credits.max_request_pages);
  return std::max<int64_t>(0, pages - entry.prefix.num_held_pages);
}

bool fits(const WaitingEntry& entry, const Credits& credits) {
  if (credits.num_requests < 1) return false;
  return credits.is_idle || pages_to_admit(entry, credits) <= credits.num_pages;
}

int64_t pages_missing(const WaitingEntry& entry, const Credits& credits) {
  return credits.is_idle ? 0 : std::max<int64_t>(0, pages_to_admit(entry, credits) - credits.num_pages);
}

bool goes_before(SchedulePolicy policy, const WaitingEntry& a, const WaitingEntry& b, int32_t max_overtaken) {
  if (policy == SchedulePolicy::kPriority && a.priority != b.priority) return a.priority > b.priority;
  const bool a_is_due = a.times_overtaken >= max_overtaken;
  const bool b_is_due = b.times_overtaken >= max_overtaken;
  if (a_is_due != b_is_due) return a_is_due;
  if (policy == SchedulePolicy::kLpm && !a_is_due && a.prefix.num_cached_pages != b.prefix.num_cached_pages) {
    return a.prefix.num_cached_pages > b.prefix.num_cached_pages;
  }
  return a.arrival < b.arrival;
}

std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken) {
  return pick_next(policy, waiting, credits, max_overtaken, [&](size_t index) { return waiting[index].prefix; });
}

std::optional<size_t> pick_next(SchedulePolicy policy, std::span<const WaitingEntry> waiting, const Credits& credits,
                                int32_t max_overtaken, LookUpPrefix look_up) {
  if (credits.num_requests < 1) return std::nullopt;
  std::vector<size_t> order(waiting.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order,
                    [&](size_t a, size_t b) { return goes_before(policy, waiting[a], waiting[b], max_overtaken); });
  for (const size_t index : order) {
    if (fits(waiting[index], credits)) return index;
    WaitingEntry known = waiting[index];
    known.prefix = look_up(index);
    if (fits(known, credits)) return index;
    if (waiting[index].is_awaited) return std::nullopt;
  }
  return std::nullopt;
}

bool turns_need_prefixes(SchedulePolicy policy) {
  return policy == SchedulePolicy::kLpm;
}

bool is_overtaken(SchedulePolicy policy, const WaitingEntry& entry, const WaitingEntry& picked) {
  if (policy == SchedulePolicy::kPriority && picked.priority > entry.priority) return false;
  return entry.arrival < picked.arrival;
}

}  // namespace braid
