#include "braid/engine/rank.h"

#include <algorithm>
#include <utility>

#include "braid/attention/attention_backend.h"
#include "braid/base/system_info.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/make_ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"

namespace braid {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
// Rows of one product with the head, a step with more makes several: as many as may sample, and enough for the tokens
// of a prompt that is scored.
constexpr int64_t kMinLogitRows = 64;
constexpr int64_t kMaxLogitRows = 256;

static_assert(kPageSizeStep == KvLayer::kGroupTokens);

Status check_options(const RankOptions& options, const ModelConfig& config) {
  const auto within = [](std::string_view flag, int32_t value, int32_t least, int32_t most) -> Status {
    if (value >= least && value <= most) return {};
    return fail("{} {}: must be from {} to {}", flag, value, least, most);
  };
  if (options.page_size < 1 || options.page_size % kPageSizeStep != 0 || options.page_size > kMaxPageSize) {
    return fail("--page-size {}: must be a multiple of {} from 16 to {}", options.page_size, kPageSizeStep,
                kMaxPageSize);
  }
  TRY_STATUS(within("--chunked-prefill-size", options.chunked_prefill_size, 1, kMaxChunkedPrefillSize));
  TRY_STATUS(within("--max-running-requests", options.max_running_requests, 1, kMaxRunningRequests));
  TRY_STATUS(within("--threads-per-rank", options.threads_per_rank, 0, kMaxThreadsPerRank));
  if (options.max_total_tokens < 0) {
    return fail("--max-total-tokens {}: must be at least 0 (0: by memory)", options.max_total_tokens);
  }
  if (options.kv_cache_bytes < 0) {
    return fail("--kv-cache-memory-bytes {}: must be at least 0 (0: by memory)", options.kv_cache_bytes);
  }
  if (!(options.mem_fraction_static > 0.0 && options.mem_fraction_static < 1.0)) {
    return fail("--mem-fraction-static {}: must be above 0 and below 1", options.mem_fraction_static);
  }
  if (options.context_length < 0 || options.context_length > config.max_position) {
    return fail("--context-length {}: this model's context is {} (max_position_embeddings)", options.context_length,
                config.max_position);
  }
  return {};
}

}  // namespace

struct Rank::Parts {
  Parts(CpuIsa tier, int threads) : isa(tier), team(threads), ops(make_cpu_ops(tier, team)) {}

  ModelConfig config;
  SchedulerConfig scheduler_config;
  CpuIsa isa;
  DType dtype = DType::kBFloat16;
  DType kv_dtype = DType::kBFloat16;
  ThreadTeam team;
  std::unique_ptr<Ops> ops;
  LoadedModel loaded;
  std::unique_ptr<AttentionBackend> attention_backend;
  SingleRankExchange exchange;
  std::unique_ptr<KvCache> kv_cache;
  std::unique_ptr<Workspace> workspace;
  std::unique_ptr<ModelRunner> runner;
};

Rank::Rank(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Rank::~Rank() = default;
ModelRunner& Rank::runner() {
  return *parts_->runner;
}
const SchedulerConfig& Rank::scheduler_config() const {
  return parts_->scheduler_config;
}
const ModelConfig& Rank::config() const {
  return parts_->config;
}
Ops& Rank::ops() {
  return *parts_->ops;
}
ThreadTeam& Rank::team() {
  return parts_->team;
}
int64_t Rank::weight_bytes() const {
  return parts_->loaded.weight_bytes;
}
CpuIsa Rank::isa() const {
  return parts_->isa;
}
DType Rank::dtype() const {
  return parts_->dtype;
}
DType Rank::kv_dtype() const {
  return parts_->kv_dtype;
}

Result<std::unique_ptr<Rank>> Rank::load(const Checkpoint& checkpoint, const RankOptions& options, Logger& logger,
                                         const LoadProgress& progress) {
  const int64_t memory_at_start = available_memory_bytes();
  const ModelConfig& config = checkpoint.config();
  TRY_STATUS(check_options(options, config));
  const CpuIsa isa = options.isa.value_or(available_isas().back());
  const int threads = options.threads_per_rank > 0 ? options.threads_per_rank : available_cores();
  const DType dtype =
      options.dtype.value_or(config.checkpoint_dtype == DType::kFloat32 ? DType::kFloat32 : DType::kBFloat16);
  const DType kv_dtype = options.kv_cache_dtype.value_or(dtype);
  const int64_t context = options.context_length > 0 ? options.context_length : config.max_position;

  auto parts = std::make_unique<Parts>(isa, threads);
  parts->config = config;
  parts->dtype = dtype;
  parts->kv_dtype = kv_dtype;
  TRY(parts->attention_backend, make_attention_backend(options.attention_backend, *parts->ops));
  const KvShape kv_shape{.num_layers = config.num_layers,
                         .num_kv_heads = config.num_kv_heads,
                         .head_dim = config.head_dim,
                         .dtype = kv_dtype,
                         .page_size = options.page_size};
  const auto budget = static_cast<int64_t>(options.mem_fraction_static * static_cast<double>(memory_at_start));
  // No position is beyond the largest pool that could be, whatever the checkpoint says of its context.
  TRY(const int64_t kv_token_bytes, kv_bytes_per_token(kv_shape));
  const int64_t num_positions = std::clamp<int64_t>(budget / kv_token_bytes, 1, context);
  TRY(parts->loaded, load_model(checkpoint, dtype, num_positions, ParallelLayout{}, parts->team, progress));
  const int64_t left = budget - parts->loaded.weight_bytes;
  if (left <= 0) {
    return fail("the weights take {:.2f} GiB, --mem-fraction-static {} of the {:.2f} GiB available is {:.2f} GiB",
                static_cast<double>(parts->loaded.weight_bytes) / kGiB, options.mem_fraction_static,
                static_cast<double>(memory_at_start) / kGiB, static_cast<double>(budget) / kGiB);
  }
  TRY(const PoolSize pool,
      size_pool(kv_shape, {.memory_bytes = options.kv_cache_bytes > 0 ? std::min(left, options.kv_cache_bytes) : left,
                           .max_total_tokens = options.max_total_tokens,
                           .max_running_requests = options.max_running_requests,
                           .context_len = context}));
  if (pool.context_was_clamped) {
    logger.warn("the KV pool holds {} tokens: the context is clamped from {} to that", pool.context_len, context);
  }
  parts->scheduler_config = {.num_pages = pool.num_pages,
                             .page_size = options.page_size,
                             .context_len = static_cast<int32_t>(pool.context_len),
                             .max_running_requests = options.max_running_requests,
                             .chunked_prefill_size = options.chunked_prefill_size,
                             .radix_cache = options.radix_cache};
  parts->kv_cache = std::make_unique<KvCache>(kv_shape, pool.num_pages);
  const int64_t max_tokens = max_step_tokens(parts->scheduler_config);
  const auto logit_rows = std::clamp<int64_t>(options.max_running_requests, kMinLogitRows, kMaxLogitRows);
  parts->workspace = std::make_unique<Workspace>(
      config, local_shape(config, {}), dtype,
      StepLimits{.group_tokens = max_tokens, .all_tokens = max_tokens, .group_logit_rows = logit_rows});
  logger.info("{}: {:.2f} GB of weights in {}, {} threads, {} kernels, attention {}", config.architecture,
              static_cast<double>(parts->loaded.weight_bytes) / 1e9, dtype_name(dtype), threads, parts->ops->name(),
              options.attention_backend);
  logger.info("KV pool: {} tokens in {}, {:.2f} GB; context {}; at most {} running requests",
              int64_t{pool.num_pages} * options.page_size, dtype_name(kv_dtype), static_cast<double>(pool.bytes) / 1e9,
              pool.context_len, options.max_running_requests);
  parts->runner = std::make_unique<ModelRunner>(RunnerParts{.model = *parts->loaded.ranks.front(),
                                                            .ops = *parts->ops,
                                                            .attention_backend = *parts->attention_backend,
                                                            .exchange = parts->exchange,
                                                            .kv_cache = *parts->kv_cache,
                                                            .workspace = *parts->workspace,
                                                            .num_threads = threads});
  return std::unique_ptr<Rank>(new Rank(std::move(parts)));
}

}  // namespace braid
