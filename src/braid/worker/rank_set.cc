#include "braid/worker/rank_set.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/base/system_info.h"
#include "braid/kernels/make_ops.h"
#include "braid/model/least_weight_bytes.h"
#include "braid/model/local_shape.h"
#include "braid/parallel/dp_attention.h"
#include "braid/worker/load_weights.h"
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

// The options' limit of all KV pools, cut to the own ranks' part.
RankOptions own_part(RankOptions options, const ProcessRanks& ranks) {
  options.kv_cache_bytes = options.kv_cache_bytes / ranks.layout.num_ranks() * ranks.num_own();
  return options;
}

// As if all ranks were here, each with what a rank of the process with the least memory has: the pools are equal.
Result<KvMemory> memory_of_all(const KvMemory& own, int64_t kept_pool_bytes, const ProcessRanks& ranks) {
  TRY(const std::vector<std::string> all,
      ranks.transport->gather(fmt::format("{} {} {}", own.pool_bytes / ranks.num_own(),
                                          own.move_bytes / ranks.num_own(), kept_pool_bytes)));
  KvMemory least{.pool_bytes = std::numeric_limits<int64_t>::max(), .move_bytes = std::numeric_limits<int64_t>::max()};
  for (const std::string& text : all) {
    KvMemory each;
    int64_t kept_bytes = 0;
    if (!(std::istringstream(text) >> each.pool_bytes >> each.move_bytes >> kept_bytes))
      return fail("a process says no memory: {}", text);
    least.pool_bytes = std::min(least.pool_bytes, each.pool_bytes);
    least.move_bytes = std::min(least.move_bytes, each.move_bytes);
    kept_pool_bytes = std::max(kept_pool_bytes, kept_bytes);
  }
  const int32_t num_ranks = ranks.layout.num_ranks();
  return KvMemory{.pool_bytes = pool_bytes_like_before(least.pool_bytes * num_ranks, kept_pool_bytes),
                  .move_bytes = least.move_bytes * num_ranks};
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
      .num_logit_rows = logit_rows(running),
      .exchange_dtype = options.exchange_dtype};
  return exchange_bytes(exchange_config(setup), shares_memory) * layout.num_ranks();
}

// Nobody waits for what other processes would still have to do.
RankSet::~RankSet() {
  if (tower_ == nullptr) return;
  tower_->end();
  tower_->watch([] { return Progress(); });
}

IndexRange RankSet::own_tp_ranks(int32_t world) const {
  const int64_t first = int64_t{world} * layout().tp_size;
  return {.begin = std::max<int64_t>(own_.own.begin - first, 0),
          .end = std::min<int64_t>(own_.own.end - first, layout().tp_size)};
}

std::vector<int32_t> RankSet::published_groups(int32_t world) const {
  std::vector<int32_t> groups;
  const IndexRange own = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(own.begin); tp_rank < own.end; ++tp_rank) {
    const RankPlace place = place_of(layout(), tp_rank);
    if (place.attn_tp_rank == 0) groups.push_back(place.attn_dp_rank);
  }
  return groups;
}

Status RankSet::on_threads(int32_t first_world, int32_t num_worlds, FunctionRef<Status(size_t)> work) {
  std::mutex mutex;
  Status first_error;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (world_index(i) < first_world || world_index(i) >= first_world + num_worlds) continue;
    threads.emplace_back([&, i] {
      Status done = bind_this_thread(own_.places[i]);
      try {
        if (done.ok()) done = work(i);
      } catch (const std::exception& exception) {  // the edge of a thread
        done = Error{exception.what()};
      }
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
  return on_threads(0, layout().num_worlds(), [&](size_t i) { return work(*ranks_[i], world_index(i)); });
}

Result<std::unique_ptr<RankSet>> RankSet::load(const Checkpoint& checkpoint, const RankOptions& options,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress) {
  TRY_STATUS(check_rank_options(options, checkpoint.config()));
  TRY(ProcessRanks ranks, place_own_ranks(options, std::make_shared<const SharedMemoryTransport>()));
  return load(checkpoint, options, std::move(ranks), std::move(logger), progress);
}

Result<std::unique_ptr<RankSet>> RankSet::load(const Checkpoint& checkpoint, RankOptions options, ProcessRanks ranks,
                                               std::shared_ptr<Logger> logger, const LoadProgress& progress) {
  const int64_t available_bytes = available_memory_bytes() / ranks.ranks_on_host * ranks.num_own();
  const ModelConfig& config = checkpoint.config();
  options.layout = ranks.layout;
  Logger& log = *log_of(LogPart::kWorker, logger);
  auto set = std::unique_ptr<RankSet>(new RankSet(checkpoint, options, ranks, logger));

  const int64_t context = requested_context(options, config);
  const KvShape kv_shape =
      local_kv_shape(config, local_shape(config, place_of(ranks.layout, 0)), set->kv_dtype_, options.page_size);
  KeptMemories kept(options, ranks, checkpoint, kv_shape, set->isa_, set->dtype_, log);
  std::optional<KeptMemory> weight_memory = open_kept_weights(options.kept, ranks, log);
  const int64_t kept_weight_bytes = weight_memory ? weight_memory->committed_bytes() : 0;
  const MemoryBudget budget{.available_bytes = available_bytes + kept.committed_bytes() + kept_weight_bytes,
                            .fraction = options.mem_fraction_static};
  TRY(const int64_t positions, num_positions(kv_shape, budget, context));
  const int64_t exchange_bytes = exchange_buffer_bytes(config, options, set->dtype_, ranks.transport->shares_memory()) /
                                 ranks.layout.num_ranks() * ranks.num_own();
  const VisionShard& vision_shard = set->tower_share_.shard;
  TRY(const int64_t least_bytes,
      least_weight_bytes(checkpoint, set->dtype_, set->quantized_, ranks.layout, ranks.own, vision_shard));
  TRY_STATUS(kv_memory(budget, own_part(options, ranks), least_bytes, exchange_bytes));  // before anything is read
  TRY(LoadedWeights weights, load_weights(checkpoint, options, ranks,
                                          {.dtype = set->dtype_,
                                           .quantized = set->quantized_,
                                           .vision_shard = vision_shard,
                                           .num_positions = positions},
                                          std::move(weight_memory), logger, progress));
  set->kept_weights_ = std::move(weights.kept);
  set->weight_check_ = std::move(weights.check);
  LoadedModel loaded = std::move(weights.model);
  set->weight_bytes_ = loaded.weight_bytes;
  TRY(const KvMemory own_memory, kv_memory(budget, own_part(options, ranks), loaded.weight_bytes, exchange_bytes));
  TRY(const KvMemory memory, memory_of_all(own_memory, kept.pool_bytes(), ranks));
  TRY(const PoolSize pool, size_rank_pool(kv_shape, options, memory.pool_bytes, context));
  TRY_STATUS(check_context(kv_shape, pool, options.least_context_len));
  set->kv_bytes_ = pool.bytes;
  set->max_moving_tokens_ =
      braid::max_moving_tokens(kv_shape, ranks.layout, memory.move_bytes, ranks.num_own() == ranks.layout.num_ranks());
  if (pool.context_was_clamped) {
    log.warn("the KV pool holds {} tokens: the context is clamped from {} to that", pool.context_len, context);
  }
  set->scheduler_ = group_scheduler(pool, options, config);
  set->scheduler_.max_moved_pages =
      options.max_moved_pages > 0 ? options.max_moved_pages : moved_pages_in_step(kv_shape);
  set->scheduler_.moved_piece_pages = moved_pages_in_piece(kv_shape);

  log_ranks(ranks, config, log);
  log_tower(set->tower_share_, loaded.vision.get(), ranks, log);
  TRY_STATUS(set->make_image_store(checkpoint, options, loaded));
  set->prepare_ranks(options, kv_shape, loaded);
  TRY_STATUS(set->find_kept_pages(kept, pool, memory.pool_bytes));
  if (const auto made = set->make_ranks(0, ranks.layout.num_worlds()); !made.ok()) {
    if (!made.error().lacks_dp_attention || !ranks.transport->can_make_another_world()) {
      return Error{made.error().message};
    }
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

RankSet::RankSet(const Checkpoint& checkpoint, const RankOptions& options, ProcessRanks ranks,
                 std::shared_ptr<Logger> logger)
    : logger_(std::move(logger)),
      trace_(std::make_unique<StepTrace>(ranks.num_own())),
      own_(std::move(ranks)),
      config_(checkpoint.config()),
      isa_(own_.isa),
      dtype_(chosen_dtype(options, config_)),
      kv_dtype_(options.kv_cache_dtype.value_or(KvDType(dtype_))),
      quantized_(chosen_quantization(options, config_)),
      row_dtype_(braid::row_dtype(checkpoint, quantized_, dtype_)),
      page_transfer_(std::make_unique<LocalKvPageTransfer>(options.collective_timeout_s)) {
  if (config_.vision) tower_share_ = tower_share(*config_.vision, own_, options.mm_broadcast.strategy);
}

void RankSet::prepare_ranks(const RankOptions& options, const KvShape& kv_shape, LoadedModel& loaded) {
  world_options_ = {.timeout_s = options.collective_timeout_s, .ranks_share_cpus = own_.ranks_share_cpus};
  setup_ = {.config = &config_,
            .isa = isa_,
            .num_threads = own_.threads_per_rank,
            .dtype = dtype_,
            .row_dtype = row_dtype_,
            .kv_shape = kv_shape,
            .scheduler = scheduler_,
            .num_logit_rows = logit_rows(scheduler_.max_running_requests),
            .attention_backend = options.attention_backend,
            .dp_padding = options.dp_padding,
            .exchange_dtype = options.exchange_dtype,
            .overlap_halves = options.overlap_halves,
            .exchange_costs = options.exchange_costs,
            .logger = log_of(LogPart::kDp, logger_).get(),
            .trace = trace_.get()};
  models_ = std::move(loaded.ranks);
  worlds_.resize(static_cast<size_t>(layout().num_worlds()));
  process_transfers_.resize(worlds_.size());
  ranks_.resize(own_.places.size());
  headers_.resize(own_.places.size());
  couriers_.resize(own_.places.size());
  for (size_t i = 0; i < own_.places.size(); ++i) counters_.push_back(std::make_unique<RankCounters>());
  for (size_t world = 0; world < worlds_.size(); ++world) parkings_.push_back(std::make_shared<Parking>());
}

// All ranks at once, since those of a world meet each other. Each is made on a thread that is bound where it will run:
// its compute threads stay there, and the memory that it touches first lies there.
Result<void, RankError> RankSet::make_ranks(int32_t first_world, int32_t num_worlds) {
  for (int32_t world = first_world; world < first_world + num_worlds; ++world) {
    if (layout().tp_size > 1) {
      worlds_[static_cast<size_t>(world)] = own_.transport->make_world(layout(), world_options_);
      const ThreadWorld& made = *worlds_[static_cast<size_t>(world)];
      made.on_end([parking = parking(world)] { parking->wake(); });
      if (made.hand_over() != nullptr) {
        process_transfers_[static_cast<size_t>(world)] =
            std::make_unique<ProcessKvPageTransfer>(*page_transfer_, made, *own_.transport, layout());
      }
    }
  }
  std::vector<RankError> errors(ranks_.size());
  const Status made = on_threads(first_world, num_worlds, [&](size_t i) -> Status {
    RankSetup own = setup_;
    own.trace_rank = static_cast<int32_t>(i);
    own.counters = counters_[i].get();
    own.kept = kept_[i].get();
    own.place = place_of(layout(), tp_rank_of(i));
    own.cpus = own_.places[i];
    own.page_transfer = &page_transfer_of(world_index(i));
    auto rank = Rank::make(own, *models_[i], world_of(i));
    if (rank.ok()) {
      ranks_[i] = std::move(*rank);
      if (images_ != nullptr) ranks_[i]->use_image_features(*images_);
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
  for (int32_t world = first_world; world < first_world + num_worlds; ++world) {
    connect_world(world);
    if (const Status paced = pace_moves(world); !paced.ok()) return RankError{.message = paced.error().message};
    const Status measured = on_threads(world, 1, [&](size_t i) -> Status {
      return couriers_[i] == nullptr ? Status() : couriers_[i]->measure_link();
    });
    if (!measured.ok()) return RankError{.message = measured.error().message};
  }
  return {};
}

KvPageTransfer& RankSet::page_transfer_of(int32_t world) const {
  const auto& between_processes = process_transfers_[static_cast<size_t>(world)];
  return between_processes != nullptr ? static_cast<KvPageTransfer&>(*between_processes) : *page_transfer_;
}

// Pages take a twentieth of the link to other processes, so the messages of a step wait no longer than that for them.
Status RankSet::pace_moves(int32_t world) {
  HandOver* const hand_over =
      worlds_[static_cast<size_t>(world)] != nullptr ? worlds_[static_cast<size_t>(world)]->hand_over() : nullptr;
  if (hand_over == nullptr || max_moving_tokens_ == 0 || layout().groups_per_world() < 2) return {};
  std::atomic<double> rate{0};  // the same for all ranks
  TRY_STATUS(on_threads(world, 1, [&](size_t i) -> Status {
    TRY(const double measured,
        measure_hand_over_rate(*world_of(i), *own_.transport, tp_rank_of(i), layout().attn_tp_size()));
    rate.store(measured);
    return {};
  }));
  const double pace = MoveRoom::kShareOfStep * rate.load() * own_.num_own();
  hand_over->set_pace(pace);
  const int64_t max_tokens = max_moving_tokens_ + int64_t{kMaxMovesUnderWay} * setup_.kv_shape.page_size;
  const int64_t max_bytes = max_tokens * kv_bytes_per_token(setup_.kv_shape).value() * own_.num_own();
  hand_over->set_max_waiting(max_bytes);
  if (const Status shared = hand_over->set_room(max_bytes); !shared.ok()) {
    log_of(LogPart::kWorker, logger_)
        ->warn("pages that move to processes of this host travel through MPI, which is slower: {}",
               shared.error().message);
  }
  log_of(LogPart::kWorker, logger_)
      ->info("pages that move between processes: {:.0f} MB/s from each rank, {:.1f} MB/s of this process beside steps",
             rate.load() / 1e6, pace / 1e6);
  return {};
}

void RankSet::connect_world(int32_t world) {
  const ThreadWorld* const own = worlds_[static_cast<size_t>(world)].get();
  if (own != nullptr) {
    own->watch([this, world] { return progress(world); });
    if (tower_ != nullptr) tower_->watch([this, world] { return progress(world); });
    own->trace_operations(*trace_, static_cast<int32_t>(int64_t{world} * layout().tp_size - own_.own.begin));
  }
  const IndexRange ranks = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(ranks.begin); tp_rank < ranks.end; ++tp_rank) {
    std::unique_ptr<HeaderExchange>& headers = headers_[index_of(world, tp_rank)];
    if (own == nullptr) {
      headers = std::make_unique<SingleRankHeaders>();
    } else {
      headers = std::make_unique<WorldHeaders>(own->world(tp_rank));
    }
    couriers_[index_of(world, tp_rank)] = make_courier(world, tp_rank);
  }
}

// Plans travel to the first rank of each other process, and the others read them there.
std::unique_ptr<PlanCourier> RankSet::make_courier(int32_t world, int32_t tp_rank) const {
  const RankPlace place = place_of(layout(), tp_rank);
  const int32_t publisher = tp_rank - place.attn_tp_rank;
  std::vector<int32_t> receivers;  // in the group
  for (int32_t rank = 1; rank < place.attn_tp_size; ++rank) {
    const int32_t process = own_.transport->process_of(publisher + rank);
    if (process != own_.transport->process_of(publisher) &&
        process != own_.transport->process_of(publisher + rank - 1)) {
      receivers.push_back(rank);
    }
  }
  const bool receives = std::ranges::find(receivers, place.attn_tp_rank) != receivers.end();
  if (!receives && (place.attn_tp_rank > 0 || receivers.empty())) return nullptr;
  const StepPlanLimits limits = step_plan_limits(scheduler_, config_.vocab_size, layout().num_groups());
  CourierImages images{.store = images_.get(),
                       .carrier = carrier_,
                       .log = log_of(LogPart::kWorker, logger_).get(),
                       .tower = tower_.get()};
  if (images.store != nullptr) {
    std::vector<std::string> hosts;  // their realms
    const auto add_host = [&](int32_t rank) {
      const std::string& realm = realms_[static_cast<size_t>(own_.transport->process_of(publisher + rank))];
      const auto found = std::ranges::find(hosts, realm);
      images.hosts.push_back(static_cast<int32_t>(found - hosts.begin()));
      if (found == hosts.end()) hosts.push_back(realm);
    };
    add_host(0);
    for (const int32_t receiver : receivers) add_host(receiver);
  }
  return std::make_unique<PlanCourier>(worlds_[static_cast<size_t>(world)]->group(tp_rank), publisher,
                                       std::move(receivers), limits, std::move(images));
}

Status RankSet::leave_worlds() {
  if (tower_ != nullptr) TRY_STATUS(tower_->leave());
  for (const auto& world : worlds_) {
    if (world != nullptr) TRY_STATUS(world->leave());
  }
  return {};
}

Status RankSet::restart_world(int32_t world) {
  if (!own_.transport->can_make_another_world()) return fail("a world of several processes starts again in new ones");
  for (int32_t tp_rank = 0; tp_rank < layout().tp_size; ++tp_rank) {
    couriers_[index_of(world, tp_rank)].reset();
    headers_[index_of(world, tp_rank)].reset();
    ranks_[index_of(world, tp_rank)].reset();
  }
  process_transfers_[static_cast<size_t>(world)].reset();
  worlds_[static_cast<size_t>(world)].reset();
  if (const auto made = make_ranks(world, 1); !made.ok()) return Error{made.error().message};
  return {};
}

}  // namespace braid
