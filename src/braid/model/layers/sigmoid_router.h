// Chooses experts by a sigmoid score each, not by a softmax over all: DeepSeek-V3's "noaux_tc" (arXiv 2412.19437,
// section 2.1.2), also in GLM-4.5. A correction, with which training balanced the experts, affects the choice but not
// the weights.
#pragma once

#include <cstdint>
#include <span>

#include "braid/config/model_config.h"
#include "braid/kernels/ops.h"

namespace braid {

// Experts form config.num_expert_groups groups. A group's score is the sum of its two largest values of sigmoid(logit)
// + correction. The best expert_groups_per_token groups remain; from these, the experts_per_token best experts are
// chosen, best first, ties to the lowest. Their weights are their sigmoids, divided by their sum with
// config.normalize_top_k, times config.routed_scale. logits [tokens, experts] float32, correction [experts].
void route_by_sigmoid(Ops& ops, const MoeConfig& config, ConstRows logits, std::span<const float> correction,
                      const Routing& routing);

}  // namespace braid
