// Llama 2, 3 and what follows their shape: pre-norm decoder, grouped queries. Qwen2 differs by a bias on q, k and v,
// Mistral by nothing but its sliding window; which biases there are is the configuration's. Sources: Llama 3 (arXiv
// 2407.21783), Qwen2 (2407.10671), Mistral 7B (2310.06825), and the checkpoints' config.json.
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

ModelFamily llama_family() {
  return {.architecture = "LlamaForCausalLM", .weights = llama_weights, .load_layer = load_llama_layer};
}

ModelFamily mistral_family() {
  return {.architecture = "MistralForCausalLM", .weights = llama_weights, .load_layer = load_llama_layer};
}

ModelFamily qwen2_family() {
  return {.architecture = "Qwen2ForCausalLM", .weights = llama_weights, .load_layer = load_llama_layer};
}

}  // namespace braid
