// A mixture of gated feed-forward experts: each token goes through its top-k (Shazeer et al., arXiv 1701.06538). Tested
// by sharded_model_test.cc and worker/transformers_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/gate_up.h"
#include "braid/model/shared_parts.h"
#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

// Consecutive experts: all or some of a mixture, with all or a part of their inner size.
struct ExpertWeights {
  GateUpWeights gate_up;
  std::vector<PackedMatrix> down;               // one an expert
  std::vector<std::vector<float>> down_biases;  // empty: no biases, or another rank adds them
};

// The expert that every token goes through, scaled by the sigmoid of a gate (Qwen1.5-MoE) or unscaled (DeepSeekMoE).
struct SharedExpertWeights {
  SharedMatrix gate;     // [1, hidden], float32 whatever the compute dtype; null: unscaled
  SharedGateUp gate_up;  // null: there is no shared expert
  SharedMatrix down;
};

struct MoeWeights {
  SharedMatrix router;                   // [experts, hidden], float32 whatever the compute dtype
  std::vector<float> router_bias;        // [experts]; empty: none
  std::vector<float> router_correction;  // [experts], for MoeRouter::kSigmoid
  std::shared_ptr<const ExpertWeights> experts;
  int32_t first_expert = 0;  // the first one in `experts`
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
  SharedExpertWeights shared = {};
};

// The (token, choice) pairs sorted by expert, for the experts [first_expert, first_expert + num_experts): where each
// expert's rows begin, and each pair's row. A pure function of the choices.
struct SortedChoices {
  std::vector<int32_t> offsets;  // [experts + 1]
  std::vector<int32_t> sources;  // [sorted rows]: the row's token
  std::vector<int32_t> rows;     // [tokens * top_k]: the row of each (token, choice); -1: its expert is not here
};
SortedChoices sort_by_expert(std::span<const int32_t> experts, int32_t top_k, int32_t first_expert,
                             int32_t num_experts);

class Moe {
 public:
  // The terms of each token's sum: rows of the experts' outputs (-1: on another rank) and weights, [tokens *
  // per_token].
  struct Choices {
    int32_t per_token = 0;
    std::vector<int32_t> rows;
    std::vector<float> weights;
  };

  using Tensors = MoeTensors;

  Moe(const MoeConfig& config, MoeWeights weights) : config_(config), weights_(std::move(weights)) {}

  // x: normed rows of all ranks. Returns this rank's partial sums, [rows, hidden] float32. Experts that no token chose
  // are not touched. A token's experts are summed in top-k order, the shared one last.
  ConstRows operator()(Step& step, ConstRows x) const;

  void list_weights(const MoeTensors& tensors, WeightList& list) const;

 private:
  void route(Step& step, ConstRows logits, const Routing& routing) const;

  // Adds the shared expert to each token's sum. Its outputs follow the routed ones.
  void add_shared(Step& step, ConstRows x, int64_t routed_rows, Choices& choices) const;

  MoeConfig config_;
  MoeWeights weights_;
};

}  // namespace braid
