#include "braid/worker/rank.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "braid/attention/dp_attention_backend.h"
#include "braid/base/clock.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/make_ops.h"
#include "braid/model/local_shape.h"
#include "braid/model/workspace.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/traced_exchange.h"
#include "braid/worker/kept_group_pages.h"

namespace braid {
namespace {

// KV memory is prepared ahead of use. A step prepares twice the memory that its tokens took, until the next huge pages
// of its layers are there: so they are ready before the current ones are full. Requests wait meanwhile, and a new huge
// page may take 5 ms (KvCache::commit_ahead), so a step prepares at most what a decode step of 64 sequences needs.
constexpr int64_t kMostAheadOfStep = int64_t{16} << 20;
constexpr int64_t kLeadOfStep = 2 * CommittedPages::kPieceBytes;  // of each layer's keys
// Without work there is time for more: about 10 000 tokens of a small model.
constexpr int64_t kIdleLead = int64_t{1} << 30;  // of all the rank's layers

}  // namespace

struct Rank::Parts {
  Parts(const RankSetup& given, const Model& its_model)
      : setup(given),
        model(its_model),
        team(given.num_threads),
        ops(make_cpu_ops(given.isa, team)),
        kv_cache(given.kept != nullptr ? given.kept->make_cache()
                                       : KvCache(given.kv_shape, given.scheduler.kv_groups())),
        kv_token_bytes(kv_bytes_per_token(given.kv_shape).value()),
        halves(given.overlap_halves) {}

  RankSetup setup;
  const Model& model;
  ThreadTeam team;
  std::unique_ptr<Ops> ops;
  KvCache kv_cache;
  int64_t kv_token_bytes = 0;
  int64_t kv_bytes_due = 0;  // to be prepared ahead of use
  std::unique_ptr<TokenExchange> exchange;
  ExchangeCosts exchange_costs;
  bool may_halve = false;
  HalvesChoice halves;
  std::unique_ptr<TracedExchange> traced;  // round the exchange
  std::unique_ptr<AttentionBackend> attention_backend;
  std::unique_ptr<Workspace> workspace;
  std::unique_ptr<ModelRunner> runner;
};

DpAttentionConfig exchange_config(const RankSetup& setup) {
  return {.place = setup.place,
          .hidden = setup.config->hidden,
          .dtype = setup.dtype,
          .sum_dtype = setup.exchange_dtype,
          .max_group_tokens = max_step_tokens(setup.scheduler),
          .padding = setup.dp_padding,
          .known_costs = setup.exchange_costs,
          .vocab_rows = local_shape(*setup.config, setup.place).vocab_rows,
          .max_logit_rows = setup.num_logit_rows};
}

Rank::Rank(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Rank::~Rank() = default;

Result<std::unique_ptr<Rank>, RankError> Rank::make(const RankSetup& setup, const Model& model,
                                                    const ThreadWorld* world) {
  auto parts = std::make_unique<Parts>(setup, model);
  auto backend = make_attention_backend(setup.attention_backend, *parts->ops);
  if (!backend.ok()) return RankError{.message = backend.error().message};
  const LocalShape shape = local_shape(*setup.config, setup.place);
  const int64_t max_tokens = max_step_tokens(setup.scheduler);
  StepLimits limits{.group_tokens = max_tokens, .all_tokens = max_tokens, .group_logit_rows = setup.num_logit_rows};
  if (world == nullptr) {
    parts->exchange = std::make_unique<SingleRankExchange>();
    parts->attention_backend = std::move(*backend);
  } else {
    const int32_t tp_rank = setup.place.tp_rank;
    const DpAttentionConfig config = exchange_config(setup);
    limits.all_tokens = config.max_rows();
    auto exchange = make_rank_exchange(config, (*backend)->name(), *parts->ops, world->world(tp_rank),
                                       world->group(tp_rank), *setup.logger);
    if (!exchange.ok()) {  // if the world has failed, another rank knows why
      return RankError{.message = exchange.error().message,
                       .lacks_dp_attention = setup.place.dp_size > 1 && !world->has_failed()};
    }
    parts->attention_backend = create_dp_attention_backend(std::move(*backend), exchange->get());
    // Halves are cut anywhere, and the first rows of an image may have to wait for its last.
    parts->may_halve = (*exchange)->may_halve() && !setup.config->sees_whole_images;
    parts->exchange_costs = (*exchange)->costs().value_or(ExchangeCosts());
    parts->exchange = std::move(*exchange);
  }
  parts->traced = std::make_unique<TracedExchange>(*parts->exchange, *setup.trace, setup.trace_rank);
  const RowTypes types(setup.row_dtype, setup.dtype);
  parts->workspace = std::make_unique<Workspace>(*setup.config, shape, types, limits);
  parts->runner = std::make_unique<ModelRunner>(RunnerParts{.model = parts->model,
                                                            .team = parts->team,
                                                            .ops = *parts->ops,
                                                            .attention_backend = *parts->attention_backend,
                                                            .exchange = *parts->traced,
                                                            .kv_cache = parts->kv_cache,
                                                            .workspace = *parts->workspace,
                                                            .has_mrope = setup.config->rope.has_mrope(),
                                                            .sees_whole_images = setup.config->sees_whole_images});
  return std::unique_ptr<Rank>(new Rank(std::move(parts)));
}

const RankPlace& Rank::place() const {
  return parts_->setup.place;
}
const RankCpus& Rank::cpus() const {
  return parts_->setup.cpus;
}
const ExchangeCosts& Rank::exchange_costs() const {
  return parts_->exchange_costs;
}
uint32_t Rank::halved_sizes() const {
  return parts_->may_halve ? parts_->halves.sizes() : 0;
}
int64_t Rank::touched_experts() const {
  return parts_->runner->touched_experts();
}
Ops& Rank::ops() {
  return *parts_->ops;
}
ThreadTeam& Rank::team() {
  return parts_->team;
}

void Rank::begin_step(const WorldStep& step) {
  prepare_exchange(*parts_->exchange, place(), step, *parts_->setup.logger);
}

// Departures come before arrivals: a page may be used by both.
Status Rank::move_pages(const StepPlan& plan) {
  const int32_t own = place().attn_tp_rank;
  for (const MovedPages& moved : plan.leaving) {
    TRY_STATUS(parts_->setup.page_transfer->give(moved, own, parts_->team, parts_->kv_cache));
  }
  for (const MovedPages& moved : plan.arriving) {
    TRY_STATUS(parts_->setup.page_transfer->take(moved, own, parts_->team, parts_->kv_cache));
  }
  return {};
}

Result<StepResult> Rank::execute(const StepPlan& plan, const WorldStep& step, TokenMasks* masks) {
  const double start_s = monotonic_seconds();
  KeptPages* const kept = parts_->setup.kept;
  const int32_t page_size = parts_->setup.kv_shape.page_size;
  if (kept != nullptr) begin_kept_step(*kept, plan, page_size);
  TRY_STATUS(move_pages(plan));
  if (std::ranges::all_of(step.group_tokens, [](int32_t num_tokens) { return num_tokens == 0; })) {
    TRY_STATUS(parts_->setup.page_transfer->finish(place().attn_dp_rank, place().attn_tp_rank));
    return StepResult{.step = plan.step, .sequences = {}};
  }
  const double move_s = plan.moves_pages() ? monotonic_seconds() - start_s : 0;
  const double shared_before_s = parts_->traced->shared_s();
  const RankCounts before{.exchange_s = parts_->traced->exchanged_s(), .even_work_s = parts_->traced->even_work_s()};
  begin_step(step);
  const double forward_s = monotonic_seconds();
  parts_->traced->begin_step(static_cast<uint64_t>(step.number));
  StepResult result;
  TRY_STATUS(until_world_ends([&] {
    if (is_publisher()) {
      result = parts_->runner->execute(plan, masks, step.num_logit_rows);
    } else {
      parts_->runner->follow(plan, step.num_logit_rows);
    }
  }));
  parts_->traced->end_step();
  if (kept != nullptr) end_kept_step(*kept, plan, result, page_size);
  for (const SequenceResult& sequence : result.sequences) {
    if (!sequence.has_bad_logits) continue;
    parts_->setup.logger->warn("rank {} (group {}): {}; POST /check_weights says whether a rank's weights are damaged",
                               place().tp_rank, place().attn_dp_rank, sequence.error);
  }
  if (parts_->may_halve && place().tp_rank == 0) {
    parts_->halves.learn({.longest = std::ranges::max(step.group_tokens),
                          .tokens = std::accumulate(step.group_tokens.begin(), step.group_tokens.end(), int64_t{0}),
                          .in_halves = parts_->exchange->num_parts() > 1,
                          .seconds = monotonic_seconds() - forward_s,
                          .exchange_s = parts_->traced->exchanged_s() - before.exchange_s});
  }
  const double shared_s = place().dp_size > 1 ? parts_->traced->shared_s() - shared_before_s : 0;
  result.own_s = monotonic_seconds() - start_s - move_s - shared_s;
  result.exchange = parts_->exchange->take_counts();
  commit_ahead(plan.num_tokens());
  parts_->setup.counters->add({.num_steps = 1,
                               .step_s = monotonic_seconds() - start_s,
                               .exchange_s = parts_->traced->exchanged_s() - before.exchange_s,
                               .even_work_s = parts_->traced->even_work_s() - before.even_work_s});
  result.move_s = move_s;
  return result;
}

void Rank::commit_ahead(int64_t num_tokens) {
  int64_t& due = parts_->kv_bytes_due;
  due = std::min(due + 2 * num_tokens * parts_->kv_token_bytes, kMostAheadOfStep);
  if (due < CommittedPages::kPieceBytes) return;
  parts_->kv_cache.commit_ahead(parts_->team, due, kLeadOfStep);
  due %= CommittedPages::kPieceBytes;
}

bool Rank::use_idle_time() {
  const int64_t memories = 2 * int64_t{parts_->kv_cache.num_layers()};
  return parts_->kv_cache.commit_ahead(parts_->team, parts_->team.size() * CommittedPages::kPieceBytes,
                                       kIdleLead / memories);
}

void Rank::use_image_features(ImageFeatureSource& source) {
  parts_->runner->use_image_features(source);
}

ModelRunner& Rank::runner() {
  CHECK(place().tp_size == 1, "rank {} has others in its world", place().tp_rank);
  return *parts_->runner;
}

Status Rank::for_each_logits(const StepPlan& plan, const WorldStep& step,
                             FunctionRef<void(int64_t, std::span<const float>)> visit) {
  begin_step(step);
  return until_world_ends([&] { parts_->runner->for_each_logits(plan, visit, step.num_logit_rows); });
}

}  // namespace braid
