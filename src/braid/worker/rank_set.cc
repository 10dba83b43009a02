#include "braid/worker/rank_set.h"

#include <algorithm>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include "braid/base/huge_pages.h"
#include "braid/base/system_info.h"
#include "braid/kernels/make_ops.h"
#include "braid/kv/pool_size.h"
#include "braid/model/local_shape.h"
#include "braid/parallel/dp_attention.h"
#include "braid/weights/pack_cache/pack_cache.h"

namespace braid {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
// Rows of one product with the head, a step with more makes several: as many as may sample, and enough for the tokens
// of a prompt that is scored.
constexpr int64_t kMinLogitRows = 64;
constexpr int64_t kMaxLogitRows = 256;

static_assert(kPageSizeStep == KvLayer::kKeyVectorTokens);

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
  return check_layout(options.layout, layout_model(config));
}

template <typename T>
T shared_out(T total, int32_t parts) {
  return (total + parts - 1) / parts;
}

int64_t logit_rows(int32_t running) {
  return std::clamp<int64_t>(running, kMinLogitRows, kMaxLogitRows);
}

// What each KV group has of the pool, where layers have windows.
void log_windows(const KvShape& shape, const PoolSize& pool, int32_t num_ranks, Logger& logger) {
  const KvGroups groups = shape.kv_groups();
  if (groups.count() == 1 && groups.windows[0] == 0) return;
  const int64_t layer_bytes = kv_bytes_per_token(shape).value() / shape.num_layers;
  for (size_t i = 0; i < groups.windows.size(); ++i) {
    const int64_t num_tokens = int64_t{pool.kv_groups[i].num_pages} * shape.page_size;
    const auto bytes = static_cast<double>(num_tokens * groups.num_layers[i] * layer_bytes * num_ranks);
    const std::string window =
        groups.windows[i] == 0 ? "see all" : fmt::format("have a window of {} tokens", groups.windows[i]);
    logger.info("of it: {} layers that {}, {} tokens, {:.2f} GB", groups.num_layers[i], window, num_tokens,
                bytes / 1e9);
  }
}

void log_layout(const ParallelLayout& layout, const LayoutModel& model, std::span<const RankCpus> places,
                int32_t num_threads, Logger& logger) {
  if (layout.num_ranks() == 1) return;
  logger.info("{} ranks of {} threads, tp_size {}, dp_size {}{}; * publishes its group's steps", layout.num_ranks(),
              num_threads, layout.tp_size, layout.dp_size, layout.enable_dp_attention ? ", DP attention" : "");
  std::istringstream grid(rank_grid(layout));
  for (std::string group; std::getline(grid, group);) logger.info("{}", group);
  if (const int32_t cores = available_cores(); layout.num_ranks() * num_threads > cores) {
    logger.warn("{} ranks of {} threads share {} cores", layout.num_ranks(), num_threads, cores);
  }
  if (const std::string note = kv_replication_note(layout, model); !note.empty()) logger.warn("{}", note);
  if (const std::string bound = describe_placement(places); !bound.empty()) logger.info("{}", bound);
}

// What decides how weights are cut.
std::string describe_split(const ParallelLayout& layout) {
  return fmt::format("tp_size {} dp_size {} dp_attention {} moe {} head {}", layout.tp_size, layout.dp_size,
                     layout.enable_dp_attention, static_cast<int>(layout.moe_parallel),
                     static_cast<int>(layout.head_parallel));
}

Result<LoadedModel> load_weights(const Checkpoint& checkpoint, const RankOptions& options, DType dtype,
                                 int64_t num_positions, std::span<const RankCpus> places, int32_t num_threads,
                                 const std::shared_ptr<Logger>& logger, const LoadProgress& progress) {
  ThreadTeam team(num_threads);
  std::unique_ptr<PackCache> cache;
  if (!options.pack_cache.empty()) {
    PackCacheOptions own{.folder = options.pack_cache, .dtype = dtype, .layout = describe_split(options.layout)};
    TRY(cache, PackCache::open(checkpoint, std::move(own), team, logger));
  }
  return load_model(checkpoint, dtype, num_positions, options.layout, places, team, progress, cache.get());
}

WorldStep world_step(std::span<const StepHeader> headers, const RankPlace& place) {
  WorldStep step{.number = static_cast<int64_t>(headers.front().round),
                 .group_tokens = std::vector<int32_t>(static_cast<size_t>(place.dp_size))};
  for (size_t rank = 0; rank < headers.size(); ++rank) {  // subscribers state nothing
    step.group_tokens[rank / static_cast<size_t>(place.attn_tp_size)] += static_cast<int32_t>(headers[rank].num_tokens);
    step.num_logit_rows = std::max(step.num_logit_rows, headers[rank].num_logit_rows);
  }
  return step;
}

}  // namespace

int64_t exchange_buffer_bytes(const ModelConfig& config, const RankOptions& options, DType dtype) {
  const ParallelLayout& layout = options.layout;
  if (layout.tp_size == 1) return 0;
  const int32_t running = shared_out(options.max_running_requests, layout.num_groups());
  const RankSetup setup{
      .config = &config,
      .place = place_of(layout, 0),
      .dtype = dtype,
      .scheduler = {.max_running_requests = running, .chunked_prefill_size = options.chunked_prefill_size},
      .num_logit_rows = logit_rows(running)};
  return exchange_bytes(exchange_config(setup), true) * layout.num_ranks();
}

RankSet::~RankSet() = default;

std::vector<std::string> RankSet::rank_names() const {
  std::vector<std::string> names;
  for (int32_t world = 0; world < layout_.num_worlds(); ++world) {
    for (int32_t rank = 0; rank < layout_.tp_size; ++rank) {
      const int32_t group = world * layout_.groups_per_world() + place_of(layout_, rank).attn_dp_rank;
      const std::string replica = layout_.num_worlds() > 1 ? fmt::format("replica {}, ", world) : "";
      names.push_back(fmt::format("{}rank {} (group {})", replica, rank, group));
    }
  }
  return names;
}

std::vector<WorldMember> RankSet::members(int32_t world, TokenMasks* masks) {
  std::vector<WorldMember> members;
  for (int32_t tp_rank = 0; tp_rank < layout_.tp_size; ++tp_rank) {
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

Status RankSet::on_threads(std::span<const RankCpus> places, FunctionRef<Status(size_t)> work) {
  std::mutex mutex;
  Status first_error;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < places.size(); ++i) {
    threads.emplace_back([&, i] {
      Status done = bind_this_thread(places[i]);
      if (done.ok()) done = work(i);
      if (done.ok()) return;
      {  // before the others get theirs, which says no more than that this world has ended
        const std::lock_guard lock(mutex);
        if (first_error.ok()) first_error = done;
      }
      const LocalWorld* const world = worlds_[i / static_cast<size_t>(layout_.tp_size)].get();
      if (world != nullptr) world->abort(done.error().message);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return first_error;
}

Status RankSet::on_all_ranks(FunctionRef<Status(Rank&, int32_t)> work) {
  std::vector<RankCpus> places;
  for (const auto& rank : ranks_) places.push_back(rank->cpus());
  return on_threads(places, [&](size_t i) { return work(*ranks_[i], static_cast<int32_t>(i) / layout_.tp_size); });
}

Result<std::unique_ptr<RankSet>> RankSet::load(const Checkpoint& checkpoint, const RankOptions& options,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress) {
  const int64_t memory_at_start = available_memory_bytes();
  const ModelConfig& config = checkpoint.config();
  TRY_STATUS(check_options(options, config));
  const ParallelLayout& layout = options.layout;
  const int32_t num_ranks = layout.num_ranks();
  const int32_t num_groups = layout.num_groups();

  auto set = std::unique_ptr<RankSet>(new RankSet());
  set->layout_ = layout;
  set->logger_ = logger;
  set->trace_ = std::make_unique<StepTrace>(num_ranks);
  set->page_transfer_ = std::make_unique<LocalKvPageTransfer>(options.collective_timeout_s);
  set->config_ = config;
  set->isa_ = options.isa.value_or(available_isas().back());
  set->dtype_ = options.dtype.value_or(config.checkpoint_dtype == DType::kFloat32 ? DType::kFloat32 : DType::kBFloat16);
  set->kv_dtype_ = options.kv_cache_dtype.value_or(set->dtype_);

  TRY(const std::vector<NumaDomain> domains, numa_domains());
  TRY(const std::vector<RankCpus> places, place_ranks(domains, num_ranks, options.numa));
  const int32_t threads = options.threads_per_rank > 0 ? options.threads_per_rank
                                                       : default_threads(places.front(), num_ranks, available_cores());

  const int64_t context = options.context_length > 0 ? options.context_length : config.max_position;
  const LocalShape shape = local_shape(config, place_of(layout, 0));
  const KvShape kv_shape = local_kv_shape(config, shape, set->kv_dtype_, options.page_size);
  const auto budget = static_cast<int64_t>(options.mem_fraction_static * static_cast<double>(memory_at_start));
  // No position is beyond the largest pool that could be, whatever the checkpoint says of its context.
  TRY(const int64_t kv_token_bytes, kv_bytes_kept_per_token(kv_shape));
  const int64_t num_positions = kv_token_bytes > 0 ? std::clamp<int64_t>(budget / kv_token_bytes, 1, context) : context;
  TRY(LoadedModel loaded, load_weights(checkpoint, options, set->dtype_, num_positions, places,
                                       std::min(threads * num_ranks, available_cores()), logger, progress));
  set->weight_bytes_ = loaded.weight_bytes;
  const int64_t exchange_bytes = exchange_buffer_bytes(config, options, set->dtype_);
  const int64_t left = budget - loaded.weight_bytes - exchange_bytes;
  if (left <= 0) {
    const std::string exchange =
        exchange_bytes == 0 ? ""
                            : fmt::format(" and the exchange {:.2f} GiB", static_cast<double>(exchange_bytes) / kGiB);
    return fail("the weights take {:.2f} GiB{}, --mem-fraction-static {} of the {:.2f} GiB available is {:.2f} GiB",
                static_cast<double>(loaded.weight_bytes) / kGiB, exchange, options.mem_fraction_static,
                static_cast<double>(memory_at_start) / kGiB, static_cast<double>(budget) / kGiB);
  }
  const int32_t running = shared_out(options.max_running_requests, num_groups);
  const int64_t kv_bytes = options.kv_cache_bytes > 0 ? std::min(left, options.kv_cache_bytes) : left;
  TRY(const PoolSize pool,
      size_pool(kv_shape, {.memory_bytes = kv_bytes / num_ranks,
                           .max_total_tokens = shared_out<int64_t>(options.max_total_tokens, num_groups),
                           .max_running_requests = running,
                           .context_len = context,
                           .chunked_prefill_size = options.chunked_prefill_size}));
  if (pool.context_was_clamped) {
    logger->warn("the KV pool holds {} tokens: the context is clamped from {} to that", pool.context_len, context);
  }
  set->scheduler_ = {.num_pages = pool.num_pages,
                     .page_size = options.page_size,
                     .context_len = static_cast<int32_t>(pool.context_len),
                     .max_running_requests = running,
                     .chunked_prefill_size = options.chunked_prefill_size,
                     .radix_cache = options.radix_cache,
                     .window = pool.kv_groups.front().window,
                     .narrower_kv_groups = {pool.kv_groups.begin() + 1, pool.kv_groups.end()},
                     .long_rope_from = config.long_rope_from()};
  log_layout(layout, layout_model(config), places, threads, *logger);
  const RankSetup setup{.config = &set->config_,
                        .isa = set->isa_,
                        .num_threads = threads,
                        .dtype = set->dtype_,
                        .kv_shape = kv_shape,
                        .scheduler = set->scheduler_,
                        .num_logit_rows = logit_rows(running),
                        .attention_backend = options.attention_backend,
                        .dp_padding = options.dp_padding,
                        .logger = set->logger_.get(),
                        .trace = set->trace_.get(),
                        .page_transfer = set->page_transfer_.get()};
  if (const Status made = set->make_ranks(setup, places, loaded, options.collective_timeout_s); !made.ok()) {
    if (layout.groups_per_world() == 1) return made.error();
    // The warning was given where it failed. The ranks go on as one group, whose shares of the weights are others.
    RankOptions as_one_group = options;
    as_one_group.layout = without_dp_attention(layout);
    loaded = {};
    set.reset();
    return load(checkpoint, as_one_group, std::move(logger), progress);
  }
  logger->info("{}: {:.2f} GB of weights in {}, {} threads, {} kernels, attention {}", config.architecture,
               static_cast<double>(loaded.weight_bytes) / 1e9, dtype_name(set->dtype_), threads * num_ranks,
               set->first().ops().name(), options.attention_backend);
  if (const auto problem = huge_page_problem(loaded.huge_page_bytes, huge_page_state())) logger->warn("{}", *problem);
  for (const std::string& note : config.notes) logger->info("{}", note);
  if (exchange_bytes > 0) {
    logger->info("exchange buffers: {:.1f} MB in all, for steps of {} tokens in each group",
                 static_cast<double>(exchange_bytes) / 1e6, max_step_tokens(set->scheduler_));
  }
  const std::string each = num_groups > 1 ? " in each group" : "";
  logger->info("KV pool: {} tokens{} in {}, {:.2f} GB{}; context {}; at most {} running requests{}",
               int64_t{pool.num_pages} * options.page_size, each, dtype_name(set->kv_dtype_),
               static_cast<double>(pool.bytes * num_ranks) / 1e9, num_ranks > 1 ? " in all" : "", pool.context_len,
               running, each);
  log_windows(kv_shape, pool, num_ranks, *logger);
  return set;
}

// All at once, as those of a world meet each other, and each on a thread that is bound where it will run: its compute
// threads stay there, and what it touches first lies there.
Status RankSet::make_ranks(const RankSetup& setup, std::span<const RankCpus> places, LoadedModel& loaded,
                           double timeout_s) {
  for (int32_t world = 0; world < layout_.num_worlds(); ++world) {
    worlds_.push_back(layout_.tp_size > 1 ? std::make_unique<LocalWorld>(layout_, WorldOptions{.timeout_s = timeout_s})
                                          : nullptr);
  }
  ranks_.resize(places.size());
  TRY_STATUS(on_threads(places, [&](size_t i) -> Status {
    const auto index = static_cast<int32_t>(i);
    RankSetup own = setup;
    own.place = place_of(layout_, index % layout_.tp_size);
    own.cpus = places[i];
    own.trace_rank = index;
    TRY(ranks_[i],
        Rank::make(own, std::move(loaded.ranks[i]), worlds_[i / static_cast<size_t>(layout_.tp_size)].get()));
    return {};
  }));
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const LocalWorld* const world = worlds_[i / static_cast<size_t>(layout_.tp_size)].get();
    if (world == nullptr) {
      headers_.push_back(std::make_unique<SingleRankHeaders>());
    } else {
      headers_.push_back(std::make_unique<WorldHeaders>(world->world(ranks_[i]->place().tp_rank)));
    }
  }
  return {};
}

}  // namespace braid
