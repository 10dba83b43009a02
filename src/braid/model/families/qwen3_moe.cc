// Qwen3-MoE: pre-norm decoder; RMSNorm on each query and key head; a mixture of experts in most layers.
// Source: Qwen3 technical report (arXiv 2505.09388), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kQwen3MoeAttention{.has_head_norms = true};

MoeNames qwen3_moe_names() {
  return {.router = "mlp.gate", .experts = "mlp.experts", .gate = "gate_proj", .up = "up_proj", .down = "down_proj"};
}

WeightTable qwen3_moe_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    add_norm_weights(table, config, prefix);
    add_attention_weights(table, config, prefix, kQwen3MoeAttention);
    if (config.is_moe_layer[static_cast<size_t>(layer)]) {
      add_moe_weights(table, config, prefix, qwen3_moe_names());
    } else {
      add_mlp_weights(table, config, prefix);
    }
  }
  return table;
}

Result<LoadedLayer> load_qwen3_moe_layer(const LayerLoader& loader) {
  if (loader.is_moe_layer()) return loader.pre_norm_layer(kQwen3MoeAttention, loader.moe(qwen3_moe_names()));
  return loader.pre_norm_layer(kQwen3MoeAttention, loader.mlp());
}

}  // namespace

ModelFamily qwen3_moe_family() {
  return {.architecture = "Qwen3MoeForCausalLM", .weights = qwen3_moe_weights, .load_layer = load_qwen3_moe_layer};
}

}  // namespace braid
