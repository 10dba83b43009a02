// The mixtures of the Qwen line: pre-norm decoder; experts in most layers, a dense feed-forward block in the others.
// Qwen2-MoE (with Qwen1.5-MoE) has Qwen2's attention, and a gated shared expert for every token. Qwen3-MoE has RMSNorm
// on each query and key head. Sources: Qwen2 and Qwen3 technical reports (arXiv 2407.10671, 2505.09388), Qwen1.5-MoE's
// model card, and the checkpoints' config.json. Tested by worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr MoeSpec kQwen2Moe{.router = "mlp.gate",
                            .experts = "mlp.experts",
                            .gate = "gate_proj",
                            .up = "up_proj",
                            .down = "down_proj",
                            .shared = "mlp.shared_expert",
                            .shared_gate = "mlp.shared_expert_gate"};

constexpr MoeSpec kQwen3Moe{
    .router = "mlp.gate", .experts = "mlp.experts", .gate = "gate_proj", .up = "up_proj", .down = "down_proj"};

}  // namespace

LayerSpec qwen2_moe_layer(const ModelConfig& config, int32_t layer) {
  return {.norms = NormPlacement::kBefore, .attention = {}, .feed_forward = moe_or_dense(config, layer, kQwen2Moe)};
}

LayerSpec qwen3_moe_layer(const ModelConfig& config, int32_t layer) {
  return {.norms = NormPlacement::kBefore,
          .attention = {.qk_norm = QkNorm::kHead},
          .feed_forward = moe_or_dense(config, layer, kQwen3Moe)};
}

}  // namespace braid
