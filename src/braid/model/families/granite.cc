// Granite 3: Llama's layer. The configuration has multipliers for the embedding, for what each block adds, for
// attention's scores and for the logits (arXiv 2404.05728). Source: the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec granite_layer(const ModelConfig& config, int32_t layer) {
  return llama_layer(config, layer);
}

}  // namespace braid
