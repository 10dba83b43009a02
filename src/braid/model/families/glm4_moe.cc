// GLM-4.5: pre-norm decoder; the first layers dense, in the others experts by a sigmoid router with groups beside one
// that every token goes through; half of each head is rotated, and RMSNorm on each query and key head is an option.
// Source: GLM-4.5 (arXiv 2508.06471), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

AttentionOptions glm4_moe_attention(const ModelConfig& config) {
  return {.has_head_norms = config.has_qk_norm};
}

MoeNames glm4_moe_names() {
  return {.router = "mlp.gate",
          .experts = "mlp.experts",
          .gate = "gate_proj",
          .up = "up_proj",
          .down = "down_proj",
          .shared = "mlp.shared_experts",
          .router_correction = "mlp.gate.e_score_correction_bias"};
}

WeightTable glm4_moe_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    add_norm_weights(table, config, prefix);
    add_attention_weights(table, config, prefix, glm4_moe_attention(config));
    if (config.is_moe_layer[static_cast<size_t>(layer)]) {
      add_moe_weights(table, config, prefix, glm4_moe_names());
    } else {
      add_mlp_weights(table, config, prefix);
    }
  }
  return table;
}

Result<LoadedLayer> load_glm4_moe_layer(const LayerLoader& loader) {
  const AttentionOptions attention = glm4_moe_attention(loader.config());
  if (loader.is_moe_layer()) return loader.pre_norm_layer(attention, loader.moe(glm4_moe_names()));
  return loader.pre_norm_layer(attention, loader.mlp());
}

}  // namespace

ModelFamily glm4_moe_family() {
  return {.architecture = "Glm4MoeForCausalLM", .weights = glm4_moe_weights, .load_layer = load_glm4_moe_layer};
}

}  // namespace braid
