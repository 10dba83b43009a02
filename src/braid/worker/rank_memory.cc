#include "braid/worker/rank_memory.h"

#include <algorithm>

#include "braid/worker/token_work.h"

namespace braid {
namespace {

// Memory for copies: a sixteenth of what is there for keys and values, but enough for a request of some 2 000 tokens of
// a small model, if that leaves most to the pools.
constexpr int64_t kMoveShare = 16;
constexpr int64_t kLeastMoveBytes = int64_t{256} << 20;
constexpr int64_t kMostOfSmallMemory = 4;  // a quarter

// A step's copies take the requests beside them a few milliseconds.
constexpr int64_t kMovedBytesInStep = int64_t{16} << 20;
constexpr int64_t kMovedBytesInPiece = int64_t{1} << 20;  // a fraction of a millisecond

double gib(int64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0);
}

template <typename T>
T shared_out(T total, int32_t parts) {
  return (total + parts - 1) / parts;
}

int32_t pages_of_bytes(const KvShape& shape, int64_t bytes) {
  const KvGroups kv_groups = shape.kv_groups();
  const int64_t page_bytes = shape.layer_page_bytes() * std::ranges::max(kv_groups.num_layers);
  return static_cast<int32_t>(std::max<int64_t>(1, bytes / page_bytes));
}

}  // namespace

int64_t requested_context(const RankOptions& options, const ModelConfig& config) {
  return options.context_length > 0 ? options.context_length : config.max_position;
}

Result<int64_t> num_positions(const KvShape& shape, const MemoryBudget& budget, int64_t context) {
  TRY(const int64_t token_bytes, kv_bytes_kept_per_token(shape));
  return token_bytes > 0 ? std::clamp<int64_t>(budget.bytes() / token_bytes, 1, context) : context;
}

int32_t group_running_requests(const RankOptions& options) {
  return shared_out(options.max_running_requests, options.layout.num_groups());
}

Result<KvMemory> kv_memory(const MemoryBudget& budget, const RankOptions& options, int64_t weight_bytes,
                           int64_t exchange_bytes) {
  const int64_t left = budget.bytes() - weight_bytes - exchange_bytes;
  if (left <= 0) {
    const std::string exchange =
        exchange_bytes == 0 ? "" : fmt::format(" and the exchange {:.2f} GiB", gib(exchange_bytes));
    return fail(
        "the weights take {:.2f} GiB{}, --mem-fraction-static {} of the {:.2f} GiB available is {:.2f} GiB: more than "
        "{:.2f} GiB are missing",
        gib(weight_bytes), exchange, budget.fraction, gib(budget.available_bytes), gib(budget.bytes()), gib(-left));
  }
  KvMemory memory;
  if (options.moves_requests) {
    memory.move_bytes = std::max(left / kMoveShare, std::min(left / kMostOfSmallMemory, kLeastMoveBytes));
  }
  memory.pool_bytes = left - memory.move_bytes;
  if (options.kv_cache_bytes > 0) memory.pool_bytes = std::min(memory.pool_bytes, options.kv_cache_bytes);
  return memory;
}

int32_t moved_pages_in_step(const KvShape& shape) {
  return pages_of_bytes(shape, kMovedBytesInStep);
}

int32_t moved_pages_in_piece(const KvShape& shape) {
  return pages_of_bytes(shape, kMovedBytesInPiece);
}

int64_t max_moving_tokens(const KvShape& shape, const ParallelLayout& layout, int64_t move_bytes, bool shares_memory) {
  const int64_t num_sharing = shares_memory ? layout.attn_tp_size() : layout.num_ranks();
  return move_bytes / (kv_bytes_per_token(shape).value() * num_sharing);
}

Result<PoolSize> size_rank_pool(const KvShape& shape, const RankOptions& options, int64_t kv_bytes, int64_t context) {
  const ParallelLayout& layout = options.layout;
  return size_pool(shape, {.memory_bytes = kv_bytes / layout.num_ranks(),
                           .max_total_tokens = shared_out<int64_t>(options.max_total_tokens, layout.num_groups()),
                           .max_running_requests = group_running_requests(options),
                           .context_len = context,
                           .chunked_prefill_size = options.chunked_prefill_size});
}

Status check_context(const KvShape& shape, const PoolSize& pool, int64_t least_len) {
  if (pool.context_len >= least_len) return {};
  const int64_t missing = (least_len - pool.context_len) * kv_bytes_per_token(shape).value();
  return fail(
      "the KV pool holds {} tokens, a context has {}: about {:.2f} GiB a rank are missing (--context-length says how "
      "long requests may be)",
      pool.context_len, least_len, gib(missing));
}

SchedulerConfig group_scheduler(const PoolSize& pool, const RankOptions& options, const ModelConfig& config) {
  return {.num_pages = pool.num_pages,
          .page_size = options.page_size,
          .context_len = static_cast<int32_t>(pool.context_len),
          .max_running_requests = group_running_requests(options),
          .chunked_prefill_size = options.chunked_prefill_size,
          .positions_of_a_token = positions_of_a_token(config),
          .radix_cache = options.radix_cache,
          .window = pool.kv_groups.front().window,
          .narrower_kv_groups = {pool.kv_groups.begin() + 1, pool.kv_groups.end()},
          .long_rope_from = config.long_rope_from(),
          .keeps_images_whole = config.sees_whole_images};
}

}  // namespace braid
