// What a process's ranks find from the last start of their world.
//
// Tested by kept_ranks_test.cc.
#include <iterator>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/worker/kept_group_pages.h"
#include "braid/worker/rank_set.h"

namespace braid {

// While no world has begun.
Status RankSet::find_kept_pages(KeptMemories& kept, const PoolSize& pool, int64_t pool_bytes) {
  found_.resize(own_.places.size());
  kept_.resize(own_.places.size());
  if (!kept.is_on()) return {};
  const double start_s = monotonic_seconds();
  if (auto opened = kept.open(setup_.kv_shape, pool.kv_groups, pool_bytes); opened.ok()) {
    kept_ = std::move(opened).value();
  } else {
    log_of(LogPart::kWorker, logger_)->warn("these ranks keep nothing for the next start: {}", opened.error().message);
  }
  TRY(found_, agree_on_kept_pages(own_, kept_));
  for (const std::vector<KeptPage>& pages : found_) {
    for (const KeptPage& page : pages) num_kept_tokens_ += std::ssize(page.tokens);
  }
  if (num_kept_tokens_ > 0) {
    log_of(LogPart::kWorker, logger_)
        ->info("keys and values of {} tokens are there from the last start, found in {:.0f} ms", num_kept_tokens_,
               1e3 * (monotonic_seconds() - start_s));
  }
  return {};
}

KeptOfGroup RankSet::take_kept_pages(int32_t world, int32_t group) {
  const size_t publisher = index_of(world, group * layout().attn_tp_size());
  return {.found = std::exchange(found_[publisher], {}), .records = kept_[publisher].get()};
}

}  // namespace braid
