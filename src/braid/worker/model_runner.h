// Executes StepPlans on one rank: it decides nothing, and sees nothing but the plan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/kernels/ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/model.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"
#include "braid/wire/token_masks.h"
#include "braid/worker/sampler/sampler.h"

namespace braid {

// What a runner works with; all of it outlives the runner.
struct RunnerParts {
  const Model& model;
  ThreadTeam& team;  // on which the operations run
  Ops& ops;
  AttentionBackend& attention_backend;
  TokenExchange& exchange;
  KvCache& kv_cache;
  Workspace& workspace;
};

class ModelRunner {
 public:
  explicit ModelRunner(RunnerParts parts);

  // A plan of zero sequences is a step like any other. `masks`: of the sequences that have one; asked after the forward
  // pass. `num_logit_rows`: the most that any group of the world needs in this step, since all ranks compute logits
  // equally often; 0: as the plan needs.
  StepResult execute(const StepPlan& plan, TokenMasks* masks = nullptr, int64_t num_logit_rows = 0);

  // The step of a rank that follows: its part of the forward pass and of the logits, which its group's publisher
  // judges.
  void follow(const StepPlan& plan, int64_t num_logit_rows);

  // Experts whose weights the last step read, summed over its layers: for benchmarks.
  int64_t touched_experts() const { return parts_.workspace.touched_experts; }

  // The same forward pass, giving the raw logits of every new token in the plan's order: visit(row, logits [vocab]).
  // `num_logit_rows`: as execute()'s.
  void for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t row, std::span<const float> logits)> visit,
                       int64_t num_logit_rows = 0);

 private:
  Rows forward(const StepPlan& plan);
  void add_attention_sequence(size_t group, const SequencePlan& sequence, int64_t first_row);
  ConstRows logits_of(Rows hidden, std::span<const int32_t> rows);
  Step prepared_step();  // by forward()

  // A row whose logits a step needs, to score the token behind it or to sample one, and where the answer goes.
  struct WantedRow {
    int32_t row = 0;  // of the step
    const SequencePlan* sequence = nullptr;
    const PromptScoring* scoring = nullptr;  // null: it is sampled
    size_t index = 0;                        // in the scoring's tokens, and in the result's prompt_logprobs
    SequenceResult* result = nullptr;
    std::string error = {};  // not yet the result's: its rows may be on several threads
  };
  std::vector<WantedRow> wanted_rows(const StepPlan& plan, StepResult& result) const;
  static void sample_row(WantedRow& row, std::span<const float> logits, SamplerScratch& scratch, TokenMasks* masks);
  static void score_row(WantedRow& row, std::span<const float> logits, SamplerScratch& scratch);
  bool choose_largest(Rows hidden, std::span<const WantedRow> rows);
  void for_each_chunk(Rows hidden, std::span<const WantedRow> rows, int64_t num_logit_rows,
                      FunctionRef<void(size_t first, ConstRows logits)> take);
  template <typename Judge>
  void for_each_row(Rows hidden, std::span<WantedRow> rows, int64_t num_logit_rows, const Judge& judge);

  RunnerParts parts_;
  std::vector<KvLayer> kv_layers_;
  std::vector<SamplerScratch> scratch_;  // one a thread
  std::vector<RowMax> maxima_;
  // One step's batch; members only to keep their memory.
  std::vector<TokenId> ids_;
  std::vector<int32_t> positions_;
  std::vector<uint8_t> uses_long_rope_;                    // Step::uses_long_rope
  std::vector<std::vector<AttentionSequence>> sequences_;  // by KV group
  std::vector<std::vector<PageId>> padded_tables_;
};

}  // namespace braid
