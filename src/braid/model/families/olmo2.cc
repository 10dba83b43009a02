// OLMo 2: RMSNorm on the blocks' outputs instead of their inputs, and on all query heads of a token together, and all
// key heads. Source: 2 OLMo 2 Furious (arXiv 2501.00656), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec olmo2_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kAfter, .attention = {.qk_norm = QkNorm::kAllHeads}, .feed_forward = MlpSpec{}};
}

}  // namespace braid
