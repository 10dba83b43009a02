// Llama 2, 3 and what follows their shape (SmolLM2 and others): pre-norm decoder, grouped queries.
// Source: Llama 3 (arXiv 2407.21783), and the checkpoint's config.json.
#include <utility>

#include "braid/model/families/families.h"

namespace braid {
namespace {

WeightTable llama_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), {});
    add_mlp_weights(table, config, layer_prefix(layer));
  }
  return table;
}

Result<LoadedLayer> load_llama_layer(const LayerLoader& loader) {
  return loader.pre_norm_layer({}, loader.mlp());
}

}  // namespace

ModelFamily llama_like_family(std::string architecture) {
  return {.architecture = std::move(architecture), .weights = llama_weights, .load_layer = load_llama_layer};
}

ModelFamily llama_family() {
  return llama_like_family("LlamaForCausalLM");
}

}  // namespace braid
