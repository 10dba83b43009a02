// SmolLM3: Llama's layer. Every fourth layer rotates nothing (NoPE, arXiv 2501.18795); the configuration says which.
// Source: the checkpoint's config.json. Tested by worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec smollm3_layer(const ModelConfig& config, int32_t layer) {
  return llama_layer(config, layer);
}

}  // namespace braid
