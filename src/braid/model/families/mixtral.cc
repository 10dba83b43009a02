// Mixtral: Llama's attention; a mixture of experts in every layer. The chosen experts' weights sum to 1.
// Source: Mixtral of Experts (arXiv 2401.04088), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr MoeSpec kMixtralMoe{
    .router = "block_sparse_moe.gate", .experts = "block_sparse_moe.experts", .gate = "w1", .up = "w3", .down = "w2"};

}  // namespace

LayerSpec mixtral_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kBefore, .attention = {}, .feed_forward = kMixtralMoe};
}

}  // namespace braid
