#include "braid/config/hf_own_keys.h"

#include <cmath>

#include "braid/config/hf_class.h"

namespace braid {
namespace {

Status read_expert_counts(const JsonObject& json, MoeConfig& moe) {
  // transformers 5 writes num_experts as num_local_experts.
  for (const std::string_view key : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    TRY_STATUS(read_int32(json, key, moe.num_experts));
  }
  return read_int32(json, "num_experts_per_tok", moe.experts_per_token);
}

// null: none.
Status read_soft_cap(const JsonObject& json, std::string_view key, float& value) {
  if (json.is_null(key)) value = 0;
  TRY_STATUS(read_float(json, key, value));
  if (json.has(key) && !(value > 0)) return json.wrong_value(key, "above 0, or null");
  return {};
}

// Common keys of Gemma 2 and 3.
Status read_gemma_keys(const JsonObject& json, ModelConfig& config) {
  config.embedding_multiplier = std::sqrt(static_cast<float>(config.hidden));
  config.rounds_embedding_multiplier = true;
  config.norm_offset = 1.0F;
  TRY(const auto scalar, json.find_double("query_pre_attn_scalar"));
  if (scalar && !(*scalar > 0)) return json.wrong_value("query_pre_attn_scalar", "above 0");
  config.attention_scale = static_cast<float>(1.0 / std::sqrt(scalar.value_or(256.0)));
  TRY(const auto sees_later, json.find_bool("use_bidirectional_attention"));
  if (sees_later.value_or(false)) {
    return json.wrong_value("use_bidirectional_attention", "false: a model that generates sees no later tokens");
  }
  return read_soft_cap(json, "final_logit_softcapping", config.logits_soft_cap);
}

}  // namespace

Status read_mixtral_keys(const JsonObject& json, ModelConfig& config) {
  TRY_STATUS(read_expert_counts(json, config.moe));
  if (config.moe.num_experts == 0) return json.wrong_value("num_local_experts", "at least 1");
  config.moe.expert_ffn = config.ffn;
  config.is_moe_layer.assign(config.is_moe_layer.size(), true);
  return {};
}

Status read_qwen_moe_keys(const JsonObject& json, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  TRY_STATUS(read_expert_counts(json, moe));
  if (moe.num_experts == 0) {
    moe = {};
    return {};
  }
  TRY_STATUS(read_int32(json, "moe_intermediate_size", moe.expert_ffn));
  if (moe.shared_ffn > 0) {
    TRY_STATUS(read_int32(json, "shared_expert_intermediate_size", moe.shared_ffn));
    if (moe.shared_ffn == 0) return json.wrong_value("shared_expert_intermediate_size", "at least 1");
  }
  TRY_STATUS(read_bool(json, "norm_topk_prob", moe.normalize_top_k));
  TRY(const auto step, json.find_int("decoder_sparse_step", 1, kMaxInt32));
  TRY(const auto dense_layers, json.find_ints("mlp_only_layers"));
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    config.is_moe_layer[static_cast<size_t>(layer)] = (layer + 1) % step.value_or(1) == 0;
  }
  for (const int64_t layer : dense_layers.value_or(std::vector<int64_t>())) {
    if (layer >= 0 && layer < config.num_layers) config.is_moe_layer[static_cast<size_t>(layer)] = false;
  }
  return {};
}

// Its class always makes the weights of a token's experts sum to 1, whatever norm_topk_prob says.
Status read_qwen3_vl_moe_keys(const JsonObject& json, ModelConfig& config) {
  TRY_STATUS(read_qwen_moe_keys(json, config));
  if (config.moe.num_experts == 0) return json.wrong_value("num_experts", "at least 1");
  config.moe.normalize_top_k = true;
  return {};
}

// Layers from first_k_dense_replace on have experts. The n_shared_experts shared experts are stored as one.
Status read_glm4_moe_keys(const JsonObject& json, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  TRY_STATUS(read_expert_counts(json, moe));
  if (moe.num_experts == 0) return json.wrong_value("n_routed_experts", "at least 1");
  TRY_STATUS(read_int32(json, "moe_intermediate_size", moe.expert_ffn));
  TRY(const auto num_shared, json.find_int("n_shared_experts", 1, 1024));
  const int64_t shared_ffn = num_shared.value_or(1) * moe.expert_ffn;
  if (shared_ffn > kMaxInt32) return json.wrong_value("n_shared_experts", "fewer: their sizes together are too large");
  moe.shared_ffn = static_cast<int32_t>(shared_ffn);
  TRY_STATUS(read_bool(json, "norm_topk_prob", moe.normalize_top_k));
  TRY_STATUS(read_float(json, "routed_scaling_factor", moe.routed_scale));
  TRY_STATUS(read_int32(json, "n_group", moe.num_expert_groups));
  TRY_STATUS(read_int32(json, "topk_group", moe.expert_groups_per_token));
  TRY(const auto num_dense, json.find_int("first_k_dense_replace", 0, kMaxInt32));
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    config.is_moe_layer[static_cast<size_t>(layer)] = layer >= num_dense.value_or(1);
  }
  TRY_STATUS(read_bool(json, "use_qk_norm", config.has_qk_norm));
  TRY(const auto num_next, json.find_int("num_nextn_predict_layers", 0, 1024));
  if (num_next.value_or(0) > 0) config.notes.push_back(next_token_layers_note(*num_next));
  return {};
}

Status read_gpt_oss_keys(const JsonObject& json, ModelConfig& config) {
  TRY_STATUS(read_expert_counts(json, config.moe));
  if (config.moe.num_experts == 0) return json.wrong_value("num_local_experts", "at least 1");
  config.moe.expert_ffn = config.ffn;
  config.is_moe_layer.assign(config.is_moe_layer.size(), true);
  TRY(const auto alpha, json.find_double("swiglu_alpha"));
  if (alpha.value_or(1.702) != 1.702) return json.wrong_value("swiglu_alpha", "1.702: others are not supported");
  TRY(const auto limit, json.find_double("swiglu_limit"));
  if (limit.value_or(7.0) != 7.0) return json.wrong_value("swiglu_limit", "7: others are not supported");
  return {};
}

Status read_granite_keys(const JsonObject& json, ModelConfig& config) {
  config.attention_scale = 1.0F;
  TRY_STATUS(read_float(json, "attention_multiplier", config.attention_scale));
  TRY_STATUS(read_float(json, "embedding_multiplier", config.embedding_multiplier));
  TRY_STATUS(read_float(json, "residual_multiplier", config.residual_multiplier));
  return read_float(json, "logits_scaling", config.logits_divisor);
}

Status read_gemma2_keys(const JsonObject& json, ModelConfig& config) {
  config.attention_soft_cap = 50.0F;
  config.logits_soft_cap = 30.0F;
  TRY_STATUS(read_soft_cap(json, "attn_logit_softcapping", config.attention_soft_cap));
  return read_gemma_keys(json, config);
}

// Gemma 3's class has attn_logit_softcapping, but its model does not use it.
Status read_gemma3_keys(const JsonObject& json, ModelConfig& config) {
  float unused = 0;
  TRY_STATUS(read_soft_cap(json, "attn_logit_softcapping", unused));
  if (unused > 0) config.notes.emplace_back("attn_logit_softcapping is not used: Gemma 3 has none, as in transformers");
  return read_gemma_keys(json, config);
}

// no_rope_layers: 1 if a layer has rope. Without this list, every no_rope_layer_interval-th layer has none.
Status read_smollm3_keys(const JsonObject& json, ModelConfig& config) {
  TRY(const auto interval, json.find_int("no_rope_layer_interval", 1, kMaxInt32));
  TRY(const auto listed, json.find_ints("no_rope_layers"));
  if (listed && listed->size() < static_cast<size_t>(config.num_layers)) {
    return fail("{}: \"no_rope_layers\" has {} entries, num_hidden_layers is {}", json.name(), listed->size(),
                config.num_layers);
  }
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const bool by_interval = (layer + 1) % interval.value_or(4) != 0;
    config.has_rope.push_back(listed ? (*listed)[static_cast<size_t>(layer)] != 0 : by_interval);
  }
  return {};
}

}  // namespace braid
