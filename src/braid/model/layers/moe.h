// A mixture of gated feed-forward experts: each token goes through its top-k (Shazeer et al., arXiv 1701.06538).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/model/shared_parts.h"
#include "braid/model/step.h"

namespace braid {

// Experts one behind the other, all or a part of a mixture's, whole or a part of their inner size.
struct ExpertWeights {
  std::vector<PackedMatrix> gate_up;  // one an expert
  std::vector<PackedMatrix> down;
  std::vector<std::vector<float>> gate_up_biases;  // one an expert, in the packed order of gate_up; none: no biases
  std::vector<std::vector<float>> down_biases;     // none: no biases, or another rank adds them
};

// The expert that every token goes through, scaled by the sigmoid of a gate (Qwen1.5-MoE) or whole (DeepSeekMoE).
struct SharedExpertWeights {
  SharedMatrix gate;     // [1, hidden], float32 whatever the compute dtype; null: whole
  SharedMatrix gate_up;  // null: there is no shared expert
  SharedMatrix down;
};

struct MoeWeights {
  SharedMatrix router;                   // [experts, hidden], float32 whatever the compute dtype
  std::vector<float> router_bias;        // [experts]; empty: none
  std::vector<float> router_correction;  // [experts], of MoeRouter::kSigmoid
  std::shared_ptr<const ExpertWeights> experts;
  int32_t first_expert = 0;  // of `experts`
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
  SharedExpertWeights shared = {};
};

// Which sorted row each (token, choice) became, and where each expert's rows begin, for the experts [first_expert,
// first_expert + num_experts). A pure function of the choices.
struct SortedChoices {
  std::vector<int32_t> offsets;  // [experts + 1]
  std::vector<int32_t> sources;  // [sorted rows]: the token of each
  std::vector<int32_t> rows;     // [tokens * top_k]: the sorted row of each (token, choice); -1: of another expert
};
SortedChoices sort_by_expert(std::span<const int32_t> experts, int32_t top_k, int32_t first_expert,
                             int32_t num_experts);

class Moe {
 public:
  // What each token sums up: rows of the experts' outputs (-1: another rank's) and their weights, [tokens * per_token].
  struct Choices {
    int32_t per_token = 0;
    std::vector<int32_t> rows;
    std::vector<float> weights;
  };

  Moe(const MoeConfig& config, MoeWeights weights) : config_(config), weights_(std::move(weights)) {}

  // x: normed rows of all ranks. Returns this rank's partial sums, [rows, hidden] float32. Experts that no token chose
  // are not touched; a token's experts are summed in top-k order, the shared one last.
  ConstRows operator()(Step& step, ConstRows x) const;

 private:
  void route(Step& step, ConstRows logits, const Routing& routing) const;

  // Appends the shared expert to what `combine` sums up for each token: its outputs behind the routed ones.
  void add_shared(Step& step, ConstRows x, int64_t routed_rows, Choices& choices) const;

  MoeConfig config_;
  MoeWeights weights_;
};

}  // namespace braid
