// Llama 2 and 3, and models of the same shape (SmolLM2 and others): pre-norm decoder, grouped queries.
// Source: Llama 3 (arXiv 2407.21783), and the checkpoint's config.json. Tested by worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec llama_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kBefore, .attention = {}, .feed_forward = MlpSpec{}};
}

}  // namespace braid
