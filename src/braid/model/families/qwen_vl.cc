// The text side of Qwen's vision-language models: the layers of Qwen2 (Qwen2.5-VL), Qwen3 (Qwen3-VL) and Qwen3-MoE
// (Qwen3-VL-MoE). The configuration has M-RoPE's sections, which Qwen3-VL interleaves. The rows of an image's tokens
// are the tower's features (layers/image_rows.h); in Qwen3-VL more of them join after the first layers (DeepStack,
// arXiv 2406.04334). Sources: Qwen2-VL, Qwen2.5-VL and Qwen3-VL (arXiv 2409.12191, 2502.13923, 2511.21631), and the
// checkpoints' config.json. Tested by worker/transformers_test.cc and worker/image_prompts_test.cc.
#include "braid/model/families/families.h"

namespace braid {

LayerSpec qwen2_5_vl_layer(const ModelConfig& config, int32_t layer) {
  return qwen2_layer(config, layer);
}

LayerSpec qwen3_vl_layer(const ModelConfig& config, int32_t layer) {
  return qwen3_layer(config, layer);
}

LayerSpec qwen3_vl_moe_layer(const ModelConfig& config, int32_t layer) {
  return qwen3_moe_layer(config, layer);
}

}  // namespace braid
