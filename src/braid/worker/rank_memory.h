// How the memory of a process is shared out to what its ranks hold: weights, exchange buffers, KV pools, and copies of
// the sequences on their way between groups. Pure.
//
// Tested by rank_set_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/kv/pool_size.h"
#include "braid/scheduler/scheduler.h"
#include "braid/tensor/dtype.h"
#include "braid/worker/rank_options.h"

namespace braid {

struct MemoryBudget {
  int64_t available_bytes = 0;  // at the start, before anything is loaded
  double fraction = 0;          // --mem-fraction-static

  int64_t bytes() const { return static_cast<int64_t>(fraction * static_cast<double>(available_bytes)); }
};

// The context that the options ask for: the model's, unless they say less.
int64_t requested_context(const RankOptions& options, const ModelConfig& config);

// The positions that rope tables need: the context, or the largest KV pool that the budget allows where that is
// smaller, whatever the checkpoint claims.
Result<int64_t> num_positions(const KvShape& shape, const MemoryBudget& budget, int64_t context);

// The requests that one group may run at once: its share of --max-running-requests.
int32_t group_running_requests(const RankOptions& options);

// What is left of the budget, of all ranks together.
struct KvMemory {
  int64_t pool_bytes = 0;
  int64_t move_bytes = 0;  // for copies; 0 if no request moves
};
// An error if the weights and the exchange buffers take all of the budget.
Result<KvMemory> kv_memory(const MemoryBudget& budget, const RankOptions& options, int64_t weight_bytes,
                           int64_t exchange_bytes);

// How many pages of moving sequences a rank copies in one step at most, and in one piece: at least one.
int32_t moved_pages_in_step(const KvShape& shape);
int32_t moved_pages_in_piece(const KvShape& shape);

// How many tokens the sequences on their way may have together. `shape`: of one rank. `shares_memory`: the ranks have
// the memory for copies together; otherwise each has its part, and all sequences may go to the same one.
int64_t max_moving_tokens(const KvShape& shape, const ParallelLayout& layout, int64_t move_bytes, bool shares_memory);

// The pools of one rank, where all ranks together have `kv_bytes`.
Result<PoolSize> size_rank_pool(const KvShape& shape, const RankOptions& options, int64_t kv_bytes, int64_t context);

// An error that says how much memory is missing, if the pools hold fewer tokens than a context of `least_len`.
Status check_context(const KvShape& shape, const PoolSize& pool, int64_t least_len);

// The scheduler of each group over such pools.
SchedulerConfig group_scheduler(const PoolSize& pool, const RankOptions& options, const ModelConfig& config);

}  // namespace braid
