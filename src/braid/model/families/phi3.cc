// Phi-3 and Phi-4: Llama's layer, with q, k and v in one tensor, and gate and up in another. The configuration may
// rotate a part of each head only.
// Source: Phi-3 technical report (arXiv 2404.14219), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec phi3_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kBefore,
          .attention = {.has_fused_qkv = true},
          .feed_forward = MlpSpec{.has_fused_gate_up = true}};
}

}  // namespace braid
