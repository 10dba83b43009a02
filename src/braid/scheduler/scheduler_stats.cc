// What others may ask of the scheduler, and what it can check of itself.
#include <algorithm>
#include <vector>

#include "braid/base/check.h"
#include "braid/scheduler/scheduler.h"
#include "braid/scheduler/sequence.h"

namespace braid {

Credits Scheduler::credits() const {
  const auto admitted = static_cast<int32_t>(sequences_.size());
  return {.num_requests = std::max(0, config_.max_running_requests - admitted),
          .num_pages = std::max<int64_t>(0, pool_.num_available() - reserved_pages()),
          .page_size = config_.page_size,
          .is_idle = sequences_.empty()};
}

PrefixProbe Scheduler::probe(std::span<const TokenId> prompt) const {
  if (!config_.radix_cache || prompt.empty()) return {};
  return tree_.probe(prompt.first(prompt.size() - 1));
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats;
  stats.num_pages = pool_.num_pages();
  stats.num_free_pages = pool_.num_free();
  stats.num_cached_pages = pool_.num_idle_cached();
  stats.num_preemptions = num_preemptions_;
  stats.num_prompt_tokens = num_prompt_tokens_;
  stats.num_cached_tokens = num_cached_tokens_;
  for (const auto& sequence : sequences_) {
    ++(sequence->is_running ? stats.num_running : stats.num_waiting);
    if (!sequence->is_decoding) stats.num_prefill_tokens += sequence->num_uncomputed();
    stats.num_context_tokens += sequence->num_tokens();
  }
  return stats;
}

int64_t Scheduler::reserved_pages() const {
  int64_t reserved = 0;
  for (const auto& sequence : sequences_) reserved += reserve_of(*sequence);
  return reserved;
}

void Scheduler::check_invariants() const {
  std::vector<int32_t> references(static_cast<size_t>(pool_.num_pages()), 0);
  for (const PageId page : tree_.page_ids()) ++references[static_cast<size_t>(page)];
  for (const auto& sequence : sequences_) {
    CHECK(sequence->is_running || sequence->pages.empty(), "request {} waits and holds pages", sequence->id);
    CHECK(sequence->num_computed <= int64_t{sequence->pages.size()} * config_.page_size, "request {}", sequence->id);
    for (const PageId page : sequence->pages.ids()) ++references[static_cast<size_t>(page)];
  }
  for (const Pages& pages : departed_) {
    for (const PageId page : pages.ids()) ++references[static_cast<size_t>(page)];
  }
  int32_t num_free = 0;
  for (PageId page = 0; page < pool_.num_pages(); ++page) {
    const int32_t counted = references[static_cast<size_t>(page)];
    CHECK(counted == pool_.references(page), "page {} is held {} times, the pool counts {}", page, counted,
          pool_.references(page));
    num_free += counted == 0 ? 1 : 0;
  }
  CHECK(num_free == pool_.num_free(), "{} pages are free, the pool lists {}", num_free, pool_.num_free());
}

void Scheduler::check_idle_invariants() const {
  CHECK(is_idle() && !is_in_flight_);
  check_invariants();
  CHECK(pool_.num_available() == pool_.num_pages() && tree_.num_pages() == pool_.num_idle_cached(),
        "{} of {} pages came back", pool_.num_available(), pool_.num_pages());
}

}  // namespace braid
