// The mixtures of the Qwen line: pre-norm decoder; experts in most layers, a dense feed-forward block in the others.
// Qwen2-MoE (with Qwen1.5-MoE) has Qwen2's attention, and beside the experts one that every token goes through;
// Qwen3-MoE has RMSNorm on each query and key head. Sources: Qwen2 and Qwen3 technical reports (arXiv 2407.10671,
// 2505.09388), Qwen1.5-MoE's model card, and the checkpoints' config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kQwen2MoeAttention{};
constexpr AttentionOptions kQwen3MoeAttention{.has_head_norms = true};

MoeNames qwen3_moe_names() {
  return {.router = "mlp.gate", .experts = "mlp.experts", .gate = "gate_proj", .up = "up_proj", .down = "down_proj"};
}

MoeNames qwen2_moe_names() {
  MoeNames names = qwen3_moe_names();
  names.shared = "mlp.shared_expert";
  names.shared_gate = "mlp.shared_expert_gate";
  return names;
}

WeightTable qwen_moe_weights(const ModelConfig& config, const AttentionOptions& attention, const MoeNames& names) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    add_norm_weights(table, config, prefix);
    add_attention_weights(table, config, prefix, attention);
    if (config.is_moe_layer[static_cast<size_t>(layer)]) {
      add_moe_weights(table, config, prefix, names);
    } else {
      add_mlp_weights(table, config, prefix);
    }
  }
  return table;
}

Result<LoadedLayer> load_qwen_moe_layer(const LayerLoader& loader, const AttentionOptions& attention,
                                        const MoeNames& names) {
  if (loader.is_moe_layer()) return loader.pre_norm_layer(attention, loader.moe(names));
  return loader.pre_norm_layer(attention, loader.mlp());
}

WeightTable qwen2_moe_weights(const ModelConfig& config) {
  return qwen_moe_weights(config, kQwen2MoeAttention, qwen2_moe_names());
}
Result<LoadedLayer> load_qwen2_moe_layer(const LayerLoader& loader) {
  return load_qwen_moe_layer(loader, kQwen2MoeAttention, qwen2_moe_names());
}

WeightTable qwen3_moe_weights(const ModelConfig& config) {
  return qwen_moe_weights(config, kQwen3MoeAttention, qwen3_moe_names());
}
Result<LoadedLayer> load_qwen3_moe_layer(const LayerLoader& loader) {
  return load_qwen_moe_layer(loader, kQwen3MoeAttention, qwen3_moe_names());
}

}  // namespace

ModelFamily qwen2_moe_family() {
  return {.architecture = "Qwen2MoeForCausalLM", .weights = qwen2_moe_weights, .load_layer = load_qwen2_moe_layer};
}

ModelFamily qwen3_moe_family() {
  return {.architecture = "Qwen3MoeForCausalLM", .weights = qwen3_moe_weights, .load_layer = load_qwen3_moe_layer};
}

}  // namespace braid
