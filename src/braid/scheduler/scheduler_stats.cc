// The part of Scheduler that answers queries and checks its invariants. Tested by scheduler_test.cc and
// scheduler_hold_test.cc.
#include <algorithm>
#include <vector>

#include "braid/base/check.h"
#include "braid/scheduler/scheduler.h"
#include "braid/scheduler/sequence.h"

namespace braid {

// Counts the widest KV group's pages. The other KV groups only bound the number of requests, whatever their length.
Credits Scheduler::credits() const {
  const auto left = [&](int32_t kv_group) {
    return std::max<int64_t>(0, kv_.num_available(kv_group) - reserved_pages(kv_group, false));
  };
  int64_t num_requests = config_.max_running_requests - std::ssize(sequences_) - std::ssize(arriving_);
  for (int32_t kv_group = 1; kv_group < kv_.num_kv_groups(); ++kv_group) {
    const int64_t most = std::min<int64_t>(*kv_.most_pages(kv_group), kv_.pages_for(config_.context_len));
    num_requests = std::min(num_requests, left(kv_group) / most);
  }
  if (is_idle()) num_requests = std::max<int64_t>(num_requests, 1);
  return {.num_requests = static_cast<int32_t>(std::max<int64_t>(0, num_requests)),
          .num_pages = left(0),
          .page_size = config_.page_size,
          .is_idle = is_idle(),
          .max_request_pages = static_cast<int32_t>(kv_.most_pages(0).value_or(0))};
}

PrefixProbe Scheduler::probe(std::span<const TokenId> prompt) const {
  if (!config_.radix_cache || prompt.empty()) return {};
  const bool is_long = needs_long_rope(static_cast<int64_t>(prompt.size()));
  return kv_.probe(PrefixKey(prompt.first(prompt.size() - 1), is_long).tokens);
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats;
  stats.num_pages = kv_.pool().num_pages();
  stats.num_free_pages = kv_.pool().num_free();
  stats.num_cached_pages = kv_.pool().num_idle_cached();
  stats.num_preemptions = num_preemptions_;
  stats.num_prompt_tokens = num_prompt_tokens_;
  stats.num_cached_tokens = num_cached_tokens_;
  for (const auto& sequence : sequences_) {
    ++(sequence->is_running ? stats.num_running : stats.num_waiting);
    if (!sequence->is_decoding) {
      const int64_t num_new = sequence->num_uncomputed();
      stats.num_prefill_tokens += num_new;
      stats.num_prefill_pairs += count_prefill_pairs(sequence->num_computed, num_new);
    }
    stats.num_context_tokens += sequence->num_tokens();
  }
  // What moves holds pages here until it is gone, and from when it is announced.
  stats.num_running += static_cast<int32_t>(departed_.size() + arriving_.size());
  for (const Departed& departed : departed_) stats.num_context_tokens += departed.num_tokens;
  for (const Arriving& arriving : arriving_) stats.num_context_tokens += arriving.num_tokens();
  return stats;
}

// The KV group's pages that the running sequences (or all sequences) do not hold yet but will need soon.
int64_t Scheduler::reserved_pages(int32_t kv_group, bool of_running) const {
  int64_t reserved = 0;
  for (const auto& sequence : sequences_) {
    if (of_running && !sequence->is_running) continue;
    reserved += kv_.num_soon(kv_group, sequence->pages, sequence->extent());
  }
  for (const Arriving& own : arriving_) reserved += kv_.num_soon(kv_group, own.pages, own.extent());
  return reserved;
}

void Scheduler::check_invariants() const {
  for (const auto& sequence : sequences_) {
    for (const PageRun& run : sequence->pages) {
      CHECK(sequence->is_running || run.pages.empty(), "request {} waits and holds pages", sequence->id);
      CHECK(sequence->num_computed <= int64_t{run.end()} * config_.page_size, "request {}", sequence->id);
    }
  }
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) check_pool(kv_group);
}

// A check looks at every page, a step only at its own: large pools are checked so seldom that steps cost more.
void Scheduler::check_in_debug_builds() const {
#ifndef NDEBUG
  constexpr uint64_t kPagesAStep = 512;
  const uint64_t num_steps = 1 + static_cast<uint64_t>(config_.num_pages) / kPagesAStep;
  if (next_step_ % num_steps == 0) check_invariants();
#endif
}

void Scheduler::check_pool(int32_t kv_group) const {
  const PagePool& pool = kv_.pool(kv_group);
  std::vector<int32_t> references(static_cast<size_t>(pool.num_pages()), 0);
  const auto count = [&](std::span<const PageId> pages) {
    for (const PageId page : pages) ++references[static_cast<size_t>(page)];
  };
  const auto index = static_cast<size_t>(kv_group);
  count(kv_.tree().page_ids(kv_group));
  if (kv_group == 0) count(kv_.kept_pages());
  for (const auto& sequence : sequences_) count(sequence->pages[index].pages.ids());
  for (const Departed& departed : departed_) count(departed.pages[index].pages.ids());
  for (const Arriving& arriving : arriving_) count(arriving.pages[index].pages.ids());
  int32_t num_free = 0;
  for (PageId page = 0; page < pool.num_pages(); ++page) {
    const int32_t counted = references[static_cast<size_t>(page)];
    CHECK(counted == pool.references(page), "KV group {}: page {} is held {} times, the pool counts {}", kv_group, page,
          counted, pool.references(page));
    num_free += counted == 0 ? 1 : 0;
  }
  CHECK(num_free == pool.num_free(), "KV group {}: {} pages are free, the pool lists {}", kv_group, num_free,
        pool.num_free());
}

void Scheduler::check_idle_invariants() const {
  CHECK(is_idle() && !is_in_flight_);
  check_invariants();
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) {
    const PagePool& pool = kv_.pool(kv_group);
    CHECK(kv_.num_available(kv_group) == pool.num_pages() &&
              std::ssize(kv_.tree().page_ids(kv_group)) == pool.num_idle_cached(),
          "KV group {}: {} of {} pages came back", kv_group, kv_.num_available(kv_group), pool.num_pages());
  }
}

}  // namespace braid
