// A mixture of gated feed-forward experts: each token goes through its top-k (Shazeer et al., arXiv 1701.06538).
#pragma once

#include <cstdint>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/model/step.h"

namespace braid {

struct MoeWeights {
  PackedMatrix router;                // [experts, hidden], float32 whatever the compute dtype
  std::vector<PackedMatrix> gate_up;  // one an expert
  std::vector<PackedMatrix> down;
};

// Which sorted row each (token, choice) became, and where each expert's rows begin. A pure function of the choices.
struct ExpertGroups {
  std::vector<int32_t> offsets;  // [experts + 1]
  std::vector<int32_t> sources;  // [tokens * top_k]: the token of each sorted row
  std::vector<int32_t> rows;     // [tokens * top_k]: the sorted row of each (token, choice)
};
ExpertGroups group_by_expert(std::span<const int32_t> experts, int32_t top_k, int32_t num_experts);

class Moe {
 public:
  Moe(const MoeConfig& config, MoeWeights weights) : config_(config), weights_(std::move(weights)) {}

  // x: normed rows of all ranks. Returns this rank's partial sums, [rows, hidden] float32. Experts that no token chose
  // are not touched; a token's experts are summed in top-k order.
  ConstRows operator()(Step& step, ConstRows x) const;

 private:
  MoeConfig config_;
  MoeWeights weights_;
};

}  // namespace braid
