// Executes StepPlans on one rank. It sees nothing but the plan and decides nothing. Tested by transformers_test.cc,
// image_prompts_test.cc and api/engine_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/base/index_range.h"
#include "braid/kernels/ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/grid_positions.h"
#include "braid/model/model.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"
#include "braid/wire/token_masks.h"
#include "braid/worker/image_feature_source.h"
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
  bool has_mrope = false;          // RopeConfig::has_mrope
  bool sees_whole_images = false;  // ModelConfig::sees_whole_images
};

class ModelRunner {
 public:
  explicit ModelRunner(RunnerParts parts);

  // A plan of zero sequences is an ordinary step. `masks`: for sequences with a grammar, read after the forward pass.
  // `num_logit_rows`: the most that any group of the world needs in this step, since all ranks must compute logits
  // equally often; 0: as many as the plan needs.
  StepResult execute(const StepPlan& plan, TokenMasks* masks = nullptr, int64_t num_logit_rows = 0);

  // The step of a subscriber: its part of the forward pass and of the logits. The group's publisher samples.
  void follow(const StepPlan& plan, int64_t num_logit_rows);

  // Where the features of plans' images are; it outlives the runner. Without it, no plan may have images.
  void use_image_features(ImageFeatureSource& source) { image_features_ = &source; }

  // The number of experts whose weights the last step read, summed over its layers: for benchmarks.
  int64_t touched_experts() const { return parts_.workspace.touched_experts; }

  // The same forward pass, then visit(row, logits [vocab]) with the raw logits of every new token in the plan's order.
  // `num_logit_rows`: as in execute().
  void for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t row, std::span<const float> logits)> visit,
                       int64_t num_logit_rows = 0);

 private:
  Rows forward(const StepPlan& plan);
  void add_attention_sequences(size_t group, const SequencePlan& sequence, int64_t first_row);
  void add_positions(const StepPlan& plan);
  void add_images(const SequencePlan& sequence, int64_t first_row);
  ConstRows logits_of(Rows hidden, std::span<const int32_t> rows);
  Step prepared_step();  // the step that forward() has prepared
  // The part of it that has these of the group's rows; `memory` gets what the Step refers to.
  struct PartMemory {
    std::vector<std::vector<AttentionSequence>> sequences;  // by KV group
    std::vector<ImageRows> images;
  };
  Step part_of_step(IndexRange rows, PartMemory& memory);

  // A row whose logits a step needs, to score the next token of the prompt or to sample one, and where the result goes.
  struct WantedRow {
    int32_t row = 0;  // of the step
    const SequencePlan* sequence = nullptr;
    const PromptScoring* scoring = nullptr;  // null: sample a token
    size_t index = 0;                        // in scoring->tokens and in result->prompt_logprobs
    SequenceResult* result = nullptr;
    // Copied to the result later: several threads may work on one sequence's rows.
    std::string error = {};
    bool has_bad_logits = false;
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
  ImageFeatureSource* image_features_ = nullptr;
  std::vector<KvLayer> kv_layers_;
  std::vector<SamplerScratch> scratch_;  // one for each thread
  std::vector<RowMax> maxima_;
  // One step's batch. Members only to reuse their memory.
  std::vector<TokenId> ids_;
  GridPositions positions_;  // rows and columns only where images move text
  std::vector<ImageRows> images_;
  std::vector<uint8_t> uses_long_rope_;                    // Step::uses_long_rope
  std::vector<std::vector<AttentionSequence>> sequences_;  // by KV group
  std::vector<std::vector<PageId>> padded_tables_;
  std::vector<PartMemory> part_memory_;
};

}  // namespace braid
