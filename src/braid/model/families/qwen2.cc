// Qwen2 and Qwen2.5: Llama's layer. The configuration has the bias on q, k and v.
// Source: Qwen2 technical report (arXiv 2407.10671), and the checkpoint's config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec qwen2_layer(const ModelConfig& config, int32_t layer) {
  return llama_layer(config, layer);
}

}  // namespace braid
