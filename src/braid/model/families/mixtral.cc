// Mixtral: Llama's attention; a mixture of experts in every layer, the chosen ones' weights summing to 1.
// Source: Mixtral of Experts (arXiv 2401.04088), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

MoeNames mixtral_names() {
  return {
      .router = "block_sparse_moe.gate", .experts = "block_sparse_moe.experts", .gate = "w1", .up = "w3", .down = "w2"};
}

WeightTable mixtral_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), {});
    add_moe_weights(table, config, layer_prefix(layer), mixtral_names());
  }
  return table;
}

Result<LoadedLayer> load_mixtral_layer(const LayerLoader& loader) {
  return loader.pre_norm_layer({}, loader.moe(mixtral_names()));
}

}  // namespace

ModelFamily mixtral_family() {
  return {.architecture = "MixtralForCausalLM", .weights = mixtral_weights, .load_layer = load_mixtral_layer};
}

}  // namespace braid
