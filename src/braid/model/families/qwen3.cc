// Qwen3: pre-norm decoder; RMSNorm on each query and key head.
// Source: Qwen3 technical report (arXiv 2505.09388), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kQwen3Attention{.has_head_norms = true};

WeightTable qwen3_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), kQwen3Attention);
    add_mlp_weights(table, config, layer_prefix(layer));
  }
  return table;
}

Result<LoadedLayer> load_qwen3_layer(const LayerLoader& loader) {
  return loader.pre_norm_layer(kQwen3Attention, loader.mlp());
}

}  // namespace

ModelFamily qwen3_family() {
  return {.architecture = "Qwen3ForCausalLM", .weights = qwen3_weights, .load_layer = load_qwen3_layer};
}

}  // namespace braid
