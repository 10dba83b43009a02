// One rank: its share of the model's weights, its KV cache, its compute threads, its exchange with the world's other
// ranks, and the runner over them. Made by RankSet. One thread at a time uses it. Tested by transformers_test.cc,
// rank_set_test.cc and api/dispatch_invariance_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/base/step_trace.h"
#include "braid/kv/kept_pages.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/model.h"
#include "braid/parallel/dp_attention.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/parallel/thread_world.h"
#include "braid/scheduler/scheduler.h"
#include "braid/worker/halves_choice.h"
#include "braid/worker/kv_page_transfer.h"
#include "braid/worker/model_runner.h"
#include "braid/worker/rank_counters.h"
#include "braid/worker/rank_exchange.h"
#include "braid/worker/rank_options.h"

namespace braid {

// What a rank is made from. The same for all ranks except `place`, `cpus`, `trace_rank`, `counters` and `kept`.
struct RankSetup {
  const ModelConfig* config = nullptr;
  RankPlace place;
  RankCpus cpus;
  CpuIsa isa = CpuIsa::kPortable;
  int32_t num_threads = 1;
  DType dtype = DType::kBFloat16;      // of activations
  DType row_dtype = DType::kBFloat16;  // of what products read, except rows that travel between ranks
  KvShape kv_shape;                    // of this rank
  SchedulerConfig scheduler;
  int64_t num_logit_rows = 0;  // of a group in one product with the head
  std::string attention_backend;
  DpPadding dp_padding;
  DType exchange_dtype = DType::kFloat32;
  OverlapHalves overlap_halves = OverlapHalves::kAuto;
  ExchangeCosts exchange_costs;  // as RankOptions
  Logger* logger = nullptr;
  StepTrace* trace = nullptr;               // of all ranks
  int32_t trace_rank = 0;                   // this one in it
  KvPageTransfer* page_transfer = nullptr;  // of sequences that change their group
  RankCounters* counters = nullptr;         // of this rank
  KeptPages* kept = nullptr;                // this rank's memory for keys and values; null: its own
};

// Why a rank could not be made.
struct RankError {
  std::string message;
  bool lacks_dp_attention = false;  // the rest is there: without DP attention the same ranks may work
};

// The exchange of a rank with others in its world. The sizes are the same on all of them.
DpAttentionConfig exchange_config(const RankSetup& setup);

class Rank {
 public:
  // On the thread whose CPUs its compute threads share. `world`: null for a rank that is alone in its world; else all
  // ranks of the world are made at once. The setup's configuration, logger and trace, the model and the world outlive
  // it.
  static Result<std::unique_ptr<Rank>, RankError> make(const RankSetup& setup, const Model& model,
                                                       const ThreadWorld* world);
  ~Rank();

  const RankPlace& place() const;
  const RankCpus& cpus() const;
  bool is_publisher() const { return place().attn_tp_rank == 0; }

  // One step, executed by all ranks of the world. A publisher's result has its group's tokens, a subscriber's has none.
  // An error ends the world.
  Result<StepResult> execute(const StepPlan& plan, const WorldStep& step, TokenMasks* masks = nullptr);

  // Call while there is no work: spends a few milliseconds on preparing KV memory, which makes later steps shorter.
  // Returns false when nothing is left to do.
  bool use_idle_time();

  void use_image_features(ImageFeatureSource& source);  // ModelRunner::use_image_features

  // Only for a rank that is alone in its world.
  ModelRunner& runner();

  // The same forward pass, then visit(row, logits [vocab]) with the raw logits of every new token in the plan's order.
  Status for_each_logits(const StepPlan& plan, const WorldStep& step,
                         FunctionRef<void(int64_t row, std::span<const float> logits)> visit);

  // As measured when the rank was made; no points where the costs of padding do not matter.
  const ExchangeCosts& exchange_costs() const;
  // Of rank 0's headers (StepHeader); 0 where no step is computed in halves.
  uint32_t halved_sizes() const;
  int64_t touched_experts() const;  // by the last step, summed over its layers
  Ops& ops();
  ThreadTeam& team();

 private:
  struct Parts;
  explicit Rank(std::unique_ptr<Parts> parts);
  Status move_pages(const StepPlan& plan);
  void begin_step(const WorldStep& step);
  void commit_ahead(int64_t num_tokens);

  std::unique_ptr<Parts> parts_;
};

}  // namespace braid
