// Mistral: Llama's layer. The configuration has its sliding window.
// Source: Mistral 7B (arXiv 2310.06825), and the checkpoint's config.json. Tested by worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec mistral_layer(const ModelConfig& config, int32_t layer) {
  return llama_layer(config, layer);
}

}  // namespace braid
