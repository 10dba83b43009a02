#include "braid/worker/rank_set.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "braid/base/log_parts.h"
#include "braid/base/system_info.h"
#include "braid/kernels/make_ops.h"
#include "braid/model/local_shape.h"
#include "braid/parallel/dp_attention.h"
#include "braid/weights/pack_cache/pack_cache.h"
#include "braid/worker/rank_memory.h"
#include "braid/worker/rank_set_log.h"

namespace braid {
namespace {

// Rows of one product with the head; a step with more makes several products. As many as may sample, and enough for the
// tokens of a prompt that is scored.
constexpr int64_t kMinLogitRows = 64;
constexpr int64_t kMaxLogitRows = 256;

static_assert(kPageSizeStep == KvLayer::kKeyVectorTokens);

int64_t logit_rows(int32_t running) {
  return std::clamp<int64_t>(running, kMinLogitRows, kMaxLogitRows);
}

// Everything that decides how the weights are split.
std::string describe_split(const ParallelLayout& layout) {
  return fmt::format("tp_size {} dp_size {} dp_attention {} moe {} head {}", layout.tp_size, layout.dp_size,
                     layout.enable_dp_attention, static_cast<int>(layout.moe_parallel),
                     static_cast<int>(layout.head_parallel));
}

Result<LoadedModel> load_weights(const Checkpoint& checkpoint, const RankOptions& options, const ProcessRanks& ranks,
                                 DType dtype, int64_t positions, const std::shared_ptr<Logger>& logger,
                                 const LoadProgress& progress) {
  ThreadTeam team(std::min(ranks.threads_per_rank * ranks.layout.num_ranks(), available_cores()));
  std::unique_ptr<PackCache> cache;
  if (!options.pack_cache.empty()) {
    PackCacheOptions own{.folder = options.pack_cache, .dtype = dtype, .layout = describe_split(ranks.layout)};
    TRY(cache, PackCache::open(checkpoint, std::move(own), team, log_of(LogPart::kWeights, logger)));
  }
  return load_model(checkpoint, dtype, positions, ranks.layout, ranks.places, team, progress, cache.get());
}

// Why DP attention is lacking. One rank's reason may be that another cannot: each different one, with its first rank.
std::string reasons_of(std::span<const RankError> errors) {
  std::string reasons;
  for (size_t rank = 0; rank < errors.size(); ++rank) {
    const std::string& reason = errors[rank].message;
    if (reason.empty() || reasons.find(reason) != std::string::npos) continue;
    reasons += fmt::format("{}rank {}: {}", reasons.empty() ? "" : "; ", rank, reason);
  }
  return reasons;
}

WorldStep world_step(std::span<const StepHeader> headers, const RankPlace& place) {
  WorldStep step{.number = static_cast<int64_t>(headers.front().round),
                 .group_tokens = std::vector<int32_t>(static_cast<size_t>(place.dp_size))};
  for (size_t rank = 0; rank < headers.size(); ++rank) {  // subscribers' headers count no tokens
    step.group_tokens[rank / static_cast<size_t>(place.attn_tp_size)] += static_cast<int32_t>(headers[rank].num_tokens);
    step.num_logit_rows = std::max(step.num_logit_rows, headers[rank].num_logit_rows);
  }
  return step;
}

}  // namespace

int64_t exchange_buffer_bytes(const ModelConfig& config, const RankOptions& options, DType dtype, bool shares_memory) {
  const ParallelLayout& layout = options.layout;
  if (layout.tp_size == 1) return 0;
  const int32_t running = group_running_requests(options);
  const RankSetup setup{
      .config = &config,
      .place = place_of(layout, 0),
      .dtype = dtype,
      .scheduler = {.max_running_requests = running, .chunked_prefill_size = options.chunked_prefill_size},
      .num_logit_rows = logit_rows(running)};
  return exchange_bytes(exchange_config(setup), shares_memory) * layout.num_ranks();
}

RankSet::~RankSet() = default;

std::vector<std::string> RankSet::rank_names() const {
  std::vector<std::string> names;
  for (int32_t world = 0; world < layout().num_worlds(); ++world) {
    for (int32_t rank = 0; rank < layout().tp_size; ++rank) {
      const int32_t group = world * layout().groups_per_world() + place_of(layout(), rank).attn_dp_rank;
      const std::string replica = layout().num_worlds() > 1 ? fmt::format("replica {}, ", world) : "";
      names.push_back(fmt::format("{}rank {} (group {})", replica, rank, group));
    }
  }
  return names;
}

std::vector<WorldMember> RankSet::members(int32_t world, TokenMasks* masks) {
  std::vector<WorldMember> members;
  for (int32_t tp_rank = 0; tp_rank < layout().tp_size; ++tp_rank) {
    Rank& own = rank(world, tp_rank);
    members.push_back({.group = own.place().attn_dp_rank,
                       .is_publisher = own.is_publisher(),
                       .execute =
                           [&own, masks](const StepPlan& plan, std::span<const StepHeader> headers) {
                             return own.execute(plan, world_step(headers, own.place()), masks);
                           },
                       .headers = headers_[index_of(world, tp_rank)].get(),
                       .trace = trace_.get(),
                       .trace_rank = static_cast<int32_t>(index_of(world, tp_rank)),
                       .begin = [&own] { CHECK(bind_this_thread(own.cpus()).ok()); },
                       .use_idle_time = [&own] { return own.use_idle_time(); }});
  }
  return members;
}

Progress RankSet::progress(int32_t world) const {
  Progress progress;
  for (int32_t tp_rank = 0; tp_rank < layout().tp_size; ++tp_rank) {
    progress += ranks_[index_of(world, tp_rank)]->team().progress();
  }
  return progress;
}

Status RankSet::on_threads(std::span<const RankCpus> places, FunctionRef<Status(size_t)> work) {
  std::mutex mutex;
  Status first_error;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < places.size(); ++i) {
    threads.emplace_back([&, i] {
      Status done = bind_this_thread(places[i]);
      if (done.ok()) done = work(i);
      if (done.ok()) return;
      {  // before the other ranks fail, whose errors only say that this world has ended
        const std::lock_guard lock(mutex);
        if (first_error.ok()) first_error = done;
      }
      if (const ThreadWorld* const world = world_of(i)) world->abort(done.error().message);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return first_error;
}

Status RankSet::on_all_ranks(FunctionRef<Status(Rank&, int32_t)> work) {
  std::vector<RankCpus> places;
  for (const auto& rank : ranks_) places.push_back(rank->cpus());
  return on_threads(places, [&](size_t i) { return work(*ranks_[i], static_cast<int32_t>(i) / layout().tp_size); });
}

Result<std::unique_ptr<RankSet>> RankSet::load(const Checkpoint& checkpoint, const RankOptions& options,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress) {
  TRY_STATUS(check_rank_options(options, checkpoint.config()));
  TRY(ProcessRanks ranks, place_in_one_process(options, std::make_shared<const SharedMemoryTransport>()));
  return load(checkpoint, options, std::move(ranks), std::move(logger), progress);
}

Result<std::unique_ptr<RankSet>> RankSet::load(const Checkpoint& checkpoint, RankOptions options, ProcessRanks ranks,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress) {
  const MemoryBudget budget{.available_bytes = available_memory_bytes(), .fraction = options.mem_fraction_static};
  const ModelConfig& config = checkpoint.config();
  options.layout = ranks.layout;
  Logger& log = *log_of(LogPart::kWorker, logger);
  auto set = std::unique_ptr<RankSet>(new RankSet(config, options, ranks, logger));

  const int64_t context = requested_context(options, config);
  const KvShape kv_shape =
      local_kv_shape(config, local_shape(config, place_of(ranks.layout, 0)), set->kv_dtype_, options.page_size);
  TRY(const int64_t positions, num_positions(kv_shape, budget, context));
  TRY(LoadedModel loaded, load_weights(checkpoint, options, ranks, set->dtype_, positions, logger, progress));
  set->weight_bytes_ = loaded.weight_bytes;

  const int64_t exchange_bytes = exchange_buffer_bytes(config, options, set->dtype_, ranks.transport->shares_memory());
  TRY(const KvMemory memory, kv_memory(budget, options, loaded.weight_bytes, exchange_bytes));
  TRY(const PoolSize pool, size_rank_pool(kv_shape, options, memory.pool_bytes, context));
  set->max_moving_tokens_ = braid::max_moving_tokens(kv_shape, ranks.layout, memory.move_bytes);
  if (pool.context_was_clamped) {
    log.warn("the KV pool holds {} tokens: the context is clamped from {} to that", pool.context_len, context);
  }
  set->scheduler_ = group_scheduler(pool, options, config);
  set->scheduler_.max_moved_pages =
      options.max_moved_pages > 0 ? options.max_moved_pages : moved_pages_in_step(kv_shape);

  log_ranks(ranks, config, log);
  if (const auto made = set->make_ranks(options, kv_shape, loaded); !made.ok()) {
    if (!made.error().lacks_dp_attention) return Error{made.error().message};
    // The ranks go on as one group, which splits the weights differently.
    log.warn("the weights are loaded again, for {} ranks without DP attention: {}", ranks.layout.num_ranks(),
             made.error().message);
    ranks.layout = without_dp_attention(ranks.layout);
    loaded = {};
    set.reset();
    return load(checkpoint, std::move(options), std::move(ranks), std::move(logger), progress);
  }
  log_loaded(ranks, config, loaded,
             {.dtype = set->dtype_,
              .kv_dtype = set->kv_dtype_,
              .kv_shape = kv_shape,
              .pool = pool,
              .exchange_bytes = exchange_bytes,
              .move_bytes = memory.move_bytes,
              .max_moving_tokens = set->max_moving_tokens_,
              .step_tokens = max_step_tokens(set->scheduler_),
              .running_requests = set->scheduler_.max_running_requests,
              .kernels = std::string(set->first().ops().name()),
              .attention = options.attention_backend},
             log);
  return set;
}

RankSet::RankSet(const ModelConfig& config, const RankOptions& options, ProcessRanks ranks,
                 std::shared_ptr<Logger> logger)
    : logger_(std::move(logger)),
      trace_(std::make_unique<StepTrace>(ranks.layout.num_ranks())),
      own_(std::move(ranks)),
      config_(config),
      isa_(options.isa.value_or(available_isas().back())),
      dtype_(options.dtype.value_or(config.checkpoint_dtype == DType::kFloat32 ? DType::kFloat32 : DType::kBFloat16)),
      kv_dtype_(options.kv_cache_dtype.value_or(dtype_)),
      page_transfer_(std::make_unique<LocalKvPageTransfer>(options.collective_timeout_s)) {}

// All ranks at once, since those of a world meet each other. Each is made on a thread that is bound where it will run:
// its compute threads stay there, and the memory that it touches first lies there.
Result<void, RankError> RankSet::make_ranks(const RankOptions& options, const KvShape& kv_shape, LoadedModel& loaded) {
  const WorldOptions world_options{.timeout_s = options.collective_timeout_s,
                                   .ranks_share_cpus = own_.ranks_share_cpus};
  for (int32_t world = 0; world < layout().num_worlds(); ++world) {
    worlds_.push_back(layout().tp_size == 1 ? nullptr : own_.transport->make_world(layout(), world_options));
  }
  const RankSetup setup{.config = &config_,
                        .isa = isa_,
                        .num_threads = own_.threads_per_rank,
                        .dtype = dtype_,
                        .kv_shape = kv_shape,
                        .scheduler = scheduler_,
                        .num_logit_rows = logit_rows(scheduler_.max_running_requests),
                        .attention_backend = options.attention_backend,
                        .dp_padding = options.dp_padding,
                        .logger = log_of(LogPart::kDp, logger_).get(),
                        .trace = trace_.get(),
                        .page_transfer = page_transfer_.get()};
  ranks_.resize(own_.places.size());
  std::vector<RankError> errors(ranks_.size());
  const Status made = on_threads(own_.places, [&](size_t i) -> Status {
    RankSetup own = setup;
    own.trace_rank = static_cast<int32_t>(i);
    own.place = place_of(layout(), own.trace_rank % layout().tp_size);
    own.cpus = own_.places[i];
    auto rank = Rank::make(own, std::move(loaded.ranks[i]), world_of(i));
    if (rank.ok()) {
      ranks_[i] = std::move(*rank);
      return {};
    }
    errors[i] = rank.error();
    return Error{errors[i].message};
  });
  if (!made.ok()) {
    const bool lacks_dp_attention = std::ranges::any_of(errors, &RankError::lacks_dp_attention);
    return RankError{.message = lacks_dp_attention ? reasons_of(errors) : made.error().message,
                     .lacks_dp_attention = lacks_dp_attention};
  }
  for (int32_t index = 0; index < layout().num_worlds(); ++index) {
    if (const ThreadWorld* const own = world(index)) own->watch([this, index] { return progress(index); });
  }
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (world_of(i) == nullptr) {
      headers_.push_back(std::make_unique<SingleRankHeaders>());
    } else {
      headers_.push_back(std::make_unique<WorldHeaders>(world_of(i)->world(ranks_[i]->place().tp_rank)));
    }
  }
  return {};
}

}  // namespace braid
