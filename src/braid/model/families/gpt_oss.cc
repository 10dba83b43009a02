// gpt-oss: pre-norm decoder; each head of attention has a learned sink beside its keys, every second layer a window; a
// mixture of experts in every layer, with biases on its router and its experts, and a SwiGLU that is clamped.
// Source: gpt-oss-120b & gpt-oss-20b model card (arXiv 2508.10925), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr AttentionOptions kGptOssAttention{.has_sinks = true};

// As the checkpoint reader names them: in the files all experts are one tensor (weights/stacked_experts.h).
MoeNames gpt_oss_names() {
  return {.router = "mlp.router",
          .experts = "mlp.experts",
          .gate = "gate_proj",
          .up = "up_proj",
          .down = "down_proj",
          .has_biases = true};
}

WeightTable gpt_oss_weights(const ModelConfig& config) {
  WeightTable table;
  add_decoder_weights(table, config);
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    add_norm_weights(table, config, layer_prefix(layer));
    add_attention_weights(table, config, layer_prefix(layer), kGptOssAttention);
    add_moe_weights(table, config, layer_prefix(layer), gpt_oss_names());
  }
  return table;
}

Result<LoadedLayer> load_gpt_oss_layer(const LayerLoader& loader) {
  return loader.pre_norm_layer(kGptOssAttention, loader.moe(gpt_oss_names(), Epilogue::Kind::kClampedSwigluMul));
}

}  // namespace

ModelFamily gpt_oss_family() {
  return {.architecture = "GptOssForCausalLM", .weights = gpt_oss_weights, .load_layer = load_gpt_oss_layer};
}

}  // namespace braid
