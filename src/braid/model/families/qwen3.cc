// Qwen3: pre-norm decoder; RMSNorm on each query and key head.
// Source: Qwen3 technical report (arXiv 2505.09388), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec qwen3_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kBefore, .attention = {.qk_norm = QkNorm::kHead}, .feed_forward = MlpSpec{}};
}

}  // namespace braid
