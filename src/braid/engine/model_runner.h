// Executes StepPlans on one rank: it decides nothing, and sees nothing but the plan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/engine/sampler/sampler.h"
#include "braid/engine/token_masks.h"
#include "braid/kernels/ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/model.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

// What a runner works with; all of it outlives the runner.
struct RunnerParts {
  const Model& model;
  Ops& ops;
  AttentionBackend& attention_backend;
  TokenExchange& exchange;
  KvCache& kv_cache;
  Workspace& workspace;
  int num_threads = 1;
};

class ModelRunner {
 public:
  explicit ModelRunner(RunnerParts parts);

  // A plan of zero sequences is a step like any other. `masks`: of the sequences that have one; asked after the forward
  // pass.
  StepResult execute(const StepPlan& plan, TokenMasks* masks = nullptr);

  // Experts whose weights the last step read, summed over its layers: for benchmarks.
  int64_t touched_experts() const { return parts_.workspace.touched_experts; }

  // The same forward pass, giving the raw logits of every new token in the plan's order: visit(row, logits [vocab]).
  void for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t row, std::span<const float> logits)> visit);

 private:
  Rows forward(const StepPlan& plan);
  ConstRows logits_of(Rows hidden, std::span<const int32_t> rows);
  Step prepared_step();  // by forward()

  // The two kinds of rows whose logits a step needs, each with where its answer goes.
  struct SampledRow {
    int32_t row = 0;  // of the step
    const SequencePlan* sequence = nullptr;
    SequenceResult* result = nullptr;
  };
  struct ScoredRow {
    int32_t row = 0;
    const PromptScoring* scoring = nullptr;
    size_t index = 0;  // in the scoring's tokens, and in the result's prompt_logprobs
    SequenceResult* result = nullptr;
    std::string error = {};
  };
  void sample_rows(Rows hidden, std::span<const SampledRow> rows, TokenMasks* masks);
  void score_rows(Rows hidden, std::span<ScoredRow> rows);
  // Gives the logits of all `rows` (of a type that has `row`), as many at once as there is room for, to
  // judge(its row, logits [vocab], scratch), on all threads.
  template <typename Row, typename Judge>
  void for_each_row(Rows hidden, std::span<Row> rows, const Judge& judge);

  RunnerParts parts_;
  std::vector<KvLayer> kv_layers_;
  std::vector<SamplerScratch> scratch_;  // one a thread
  // One step's batch; members only to keep their memory.
  std::vector<TokenId> ids_;
  std::vector<int32_t> positions_;
  std::vector<AttentionSequence> sequences_;
};

}  // namespace braid
