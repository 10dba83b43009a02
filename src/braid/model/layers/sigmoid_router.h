// Which experts a token goes through where each has a score of its own, not a share of a softmax: DeepSeek-V3's
// "noaux_tc" (arXiv 2412.19437, section 2.1.2), as GLM-4.5 has it too. A correction that training balanced the experts
// with takes part in the choice alone, never in the weights.
#pragma once

#include <cstdint>
#include <span>

#include "braid/config/model_config.h"
#include "braid/kernels/ops.h"

namespace braid {

// Experts lie in config.num_expert_groups groups. A group's score is the sum of its two best sigmoid(logit) +
// correction; of the best expert_groups_per_token groups the experts_per_token best experts are chosen, ties to the
// lowest, best first. Their weights are their sigmoids, divided by their sum with config.normalize_top_k, times
// config.routed_scale. logits [tokens, experts] float32, correction [experts].
void route_by_sigmoid(Ops& ops, const MoeConfig& config, ConstRows logits, std::span<const float> correction,
                      const Routing& routing);

}  // namespace braid
