// OLMo 2: RMSNorm on what the blocks give instead of what they take, and on all query heads, and all key heads, of a
// token together. Source: 2 OLMo 2 Furious (arXiv 2501.00656), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kOlmo2Attention{.has_whole_norms = true};

WeightTable olmo2_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_post_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), kOlmo2Attention);
    add_mlp_weights(table, config, layer_prefix(layer));
  }
  return table;
}

Result<LoadedLayer> load_olmo2_layer(const LayerLoader& loader) {
  return loader.post_norm_layer(kOlmo2Attention, loader.mlp());
}

}  // namespace

ModelFamily olmo2_family() {
  return {.architecture = "Olmo2ForCausalLM", .weights = olmo2_weights, .load_layer = load_olmo2_layer};
}

}  // namespace braid
