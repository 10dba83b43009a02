// The layer of each family. Numbers and options that a configuration states (sizes, biases, windows, ropes,
// multipliers) are not here: the shared layers read them from ModelConfig. Tested by load_model_test.cc and
// worker/transformers_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/config/model_config.h"
#include "braid/model/layers/layer_spec.h"

namespace braid {

LayerSpec gemma2_layer(const ModelConfig& config, int32_t layer);
LayerSpec gemma3_layer(const ModelConfig& config, int32_t layer);
LayerSpec glm4_moe_layer(const ModelConfig& config, int32_t layer);
LayerSpec gpt_oss_layer(const ModelConfig& config, int32_t layer);
LayerSpec granite_layer(const ModelConfig& config, int32_t layer);
LayerSpec llama_layer(const ModelConfig& config, int32_t layer);
LayerSpec mistral_layer(const ModelConfig& config, int32_t layer);
LayerSpec mixtral_layer(const ModelConfig& config, int32_t layer);
LayerSpec olmo2_layer(const ModelConfig& config, int32_t layer);
LayerSpec phi3_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen2_5_vl_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen2_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen2_moe_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen3_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen3_moe_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen3_vl_layer(const ModelConfig& config, int32_t layer);
LayerSpec qwen3_vl_moe_layer(const ModelConfig& config, int32_t layer);
LayerSpec smollm3_layer(const ModelConfig& config, int32_t layer);

// For families with dense layers among those with experts: `moe` where the configuration says so, else a plain block.
inline FeedForwardSpec moe_or_dense(const ModelConfig& config, int32_t layer, const MoeSpec& moe) {
  if (config.is_moe_layer[static_cast<size_t>(layer)]) return moe;
  return MlpSpec{};
}

}  // namespace braid
