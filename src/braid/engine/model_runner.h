// Executes StepPlans on one rank: it decides nothing, and sees nothing but the plan.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/engine/sampler/sampler.h"
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

  // A plan of zero sequences is a step like any other.
  StepResult execute(const StepPlan& plan);

  // Experts whose weights the last step read, summed over its layers: for benchmarks.
  int64_t touched_experts() const { return parts_.workspace.touched_experts; }

  // The same forward pass, giving the raw logits of every new token in the plan's order: visit(row, logits [vocab]).
  void for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t row, std::span<const float> logits)> visit);

 private:
  Rows forward(const StepPlan& plan);
  Rows logits_of(Rows hidden, std::span<const int64_t> rows);

  void sample_rows(ConstRows logits, std::span<const SequencePlan* const> sequences, std::span<SequenceResult> results);

  RunnerParts parts_;
  std::vector<KvLayer> kv_layers_;
  std::vector<SamplerScratch> scratch_;  // one a thread
  // One step's batch; members only to keep their memory.
  std::vector<TokenId> ids_;
  std::vector<int32_t> positions_;
  std::vector<AttentionSequence> sequences_;
};

}  // namespace braid
