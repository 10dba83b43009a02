// The state of a DP group that the controller decides by. Plain data.
#pragma once

#include <cstdint>

#include "braid/parallel/exchange_counts.h"

namespace braid {

// Of `num_new` prompt tokens behind `first` others, with each of the positions before them: what attention computes.
inline int64_t count_prefill_pairs(int64_t first, int64_t num_new) {
  return num_new * first + num_new * num_new / 2;
}

// What a group can take now.
struct Credits {
  int32_t num_requests = 0;
  int64_t num_pages = 0;  // of the widest KV group, beyond those that admitted requests will need soon
  int32_t page_size = 16;
  bool is_idle = false;           // takes any single request: every valid request fits alone
  int32_t max_request_pages = 0;  // the most pages that a request of any length can hold; 0: no limit

  bool operator==(const Credits&) const = default;
};

struct SchedulerStats {
  int32_t num_running = 0;  // hold pages
  int32_t num_waiting = 0;  // admitted, but hold no pages now
  int32_t num_pages = 0;    // of the widest KV group, like the next two
  int32_t num_free_pages = 0;
  int32_t num_cached_pages = 0;    // held only by the prefix cache: as good as free
  int64_t num_prefill_tokens = 0;  // to be computed before each admitted request's next token
  int64_t num_prefill_pairs = 0;   // of these tokens with each of the positions before them
  int64_t num_context_tokens = 0;  // prompt and output of all admitted requests
  uint64_t num_preemptions = 0;    // since the start, like all below
  uint64_t num_prompt_tokens = 0;  // of requests that have started
  uint64_t num_cached_tokens = 0;  // of these, found in the prefix cache

  SchedulerStats& operator+=(const SchedulerStats& other);
  bool operator==(const SchedulerStats&) const = default;
};

inline SchedulerStats& SchedulerStats::operator+=(const SchedulerStats& other) {
  num_running += other.num_running;
  num_waiting += other.num_waiting;
  num_pages += other.num_pages;
  num_free_pages += other.num_free_pages;
  num_cached_pages += other.num_cached_pages;
  num_prefill_tokens += other.num_prefill_tokens;
  num_prefill_pairs += other.num_prefill_pairs;
  num_context_tokens += other.num_context_tokens;
  num_preemptions += other.num_preemptions;
  num_prompt_tokens += other.num_prompt_tokens;
  num_cached_tokens += other.num_cached_tokens;
  return *this;
}

struct GroupLoad {
  SchedulerStats scheduler;
  Credits credits;
  uint64_t num_commands = 0;  // taken since the start and included in the figures above (GroupCommand::size)
  uint64_t num_steps = 0;     // since the start: steps with tokens of this group
  double step_seconds = 0;    // of all those steps together
  double own_seconds = 0;     // of these: without other groups' and what all groups share out evenly
  // Tokens computed since the start: the group's own, and the sum over its world's steps of the longest group's tokens.
  uint64_t num_step_tokens = 0;
  uint64_t num_longest_tokens = 0;
  int64_t num_arriving_pages = 0;  // of sequences from other groups, copied out there and not yet copied in here
  ExchangeCounts exchange;         // of all steps since the start

  bool operator==(const GroupLoad&) const = default;
};

// What a group has counted since the start, beside what it has counted before it was lost and started again.
inline void add_counts(GroupLoad& load, const GroupLoad& earlier) {
  load.scheduler.num_preemptions += earlier.scheduler.num_preemptions;
  load.scheduler.num_prompt_tokens += earlier.scheduler.num_prompt_tokens;
  load.scheduler.num_cached_tokens += earlier.scheduler.num_cached_tokens;
  load.num_commands += earlier.num_commands;
  load.num_steps += earlier.num_steps;
  load.step_seconds += earlier.step_seconds;
  load.own_seconds += earlier.own_seconds;
  load.num_step_tokens += earlier.num_step_tokens;
  load.num_longest_tokens += earlier.num_longest_tokens;
  load.exchange += earlier.exchange;
}

}  // namespace braid
