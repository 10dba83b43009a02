// GLM-4.5: pre-norm decoder; the first layers are dense, the others have experts chosen by a sigmoid router with
// groups, and a shared expert for every token. Half of each head is rotated. RMSNorm on each query and key head is an
// option. Source: GLM-4.5 (arXiv 2508.06471), and the checkpoint's config.json. Tested by worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr MoeSpec kGlm4Moe{.router = "mlp.gate",
                           .experts = "mlp.experts",
                           .gate = "gate_proj",
                           .up = "up_proj",
                           .down = "down_proj",
                           .shared = "mlp.shared_experts",
                           .router_correction = "mlp.gate.e_score_correction_bias"};

}  // namespace

LayerSpec glm4_moe_layer(const ModelConfig& config, int32_t layer) {
  return {.norms = NormPlacement::kBefore,
          .attention = {.qk_norm = config.has_qk_norm ? QkNorm::kHead : QkNorm::kNone},
          .feed_forward = moe_or_dense(config, layer, kGlm4Moe)};
}

}  // namespace braid
