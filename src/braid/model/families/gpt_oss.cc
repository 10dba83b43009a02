// gpt-oss: pre-norm decoder; each head of attention has a learned sink beside its keys; a mixture of experts in every
// layer, with biases on its router and its experts, and a clamped SwiGLU. The configuration gives every second layer a
// window. Source: gpt-oss-120b & gpt-oss-20b model card (arXiv 2508.10925), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {
namespace {

// The checkpoint reader names the experts like this. In the files all experts are one tensor
// (weights/stacked_experts.h).
constexpr MoeSpec kGptOssMoe{.router = "mlp.router",
                             .experts = "mlp.experts",
                             .gate = "gate_proj",
                             .up = "up_proj",
                             .down = "down_proj",
                             .has_biases = true,
                             .activation = Epilogue::Kind::kClampedSwigluMul};

}  // namespace

LayerSpec gpt_oss_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kBefore, .attention = {.has_sinks = true}, .feed_forward = kGptOssMoe};
}

}  // namespace braid
