// Phi-3 and Phi-4: Llama's layer, whose q, k and v are one tensor, and gate and up another; a part of each head may be
// rotated alone. Source: Phi-3 technical report (arXiv 2404.14219), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kPhi3Attention{.has_fused_qkv = true};
constexpr MlpOptions kPhi3Mlp{.has_fused_gate_up = true};

WeightTable phi3_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), kPhi3Attention);
    add_mlp_weights(table, config, layer_prefix(layer), kPhi3Mlp);
  }
  return table;
}

Result<LoadedLayer> load_phi3_layer(const LayerLoader& loader) {
  return loader.pre_norm_layer(kPhi3Attention, loader.mlp(kPhi3Mlp));
}

}  // namespace

ModelFamily phi3_family() {
  return {.architecture = "Phi3ForCausalLM", .weights = phi3_weights, .load_layer = load_phi3_layer};
}

}  // namespace braid
