// Gemma 2 and 3: norms on both sides of each block, GeGLU; the embedding is scaled, layers see a window or everything.
// Gemma 2 has soft caps on attention's scores and on logits; Gemma 3 has RMSNorm on each query and key head instead,
// and a rope of its own in the layers with a window. Of Gemma 3 with vision the text part. Scales, caps, windows and
// ropes are the configuration's. Sources: Gemma 2 and 3 (arXiv 2408.00118, 2503.19786), and the checkpoints'
// config.json.
#include <utility>

#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kGemma2Attention{};
constexpr AttentionOptions kGemma3Attention{.has_head_norms = true};
constexpr MlpOptions kGemmaMlp{.activation = Epilogue::Kind::kGeluMul};

WeightTable gemma_weights(const ModelConfig& config, const AttentionOptions& attention) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_sandwich_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), attention);
    add_mlp_weights(table, config, layer_prefix(layer), kGemmaMlp);
  }
  return table;
}

WeightTable gemma2_weights(const ModelConfig& config) {
  return gemma_weights(config, kGemma2Attention);
}
Result<LoadedLayer> load_gemma2_layer(const LayerLoader& loader) {
  return loader.sandwich_norm_layer(kGemma2Attention, loader.mlp(kGemmaMlp));
}

WeightTable gemma3_weights(const ModelConfig& config) {
  return gemma_weights(config, kGemma3Attention);
}
Result<LoadedLayer> load_gemma3_layer(const LayerLoader& loader) {
  return loader.sandwich_norm_layer(kGemma3Attention, loader.mlp(kGemmaMlp));
}

ModelFamily gemma3_like_family(std::string architecture) {
  return {.architecture = std::move(architecture), .weights = gemma3_weights, .load_layer = load_gemma3_layer};
}

}  // namespace

ModelFamily gemma2_family() {
  return {.architecture = "Gemma2ForCausalLM", .weights = gemma2_weights, .load_layer = load_gemma2_layer};
}

ModelFamily gemma3_family() {
  return gemma3_like_family("Gemma3ForCausalLM");
}

ModelFamily gemma3_text_part_family() {
  return gemma3_like_family("Gemma3ForConditionalGeneration");
}

}  // namespace braid
