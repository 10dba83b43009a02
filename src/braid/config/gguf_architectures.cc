// The models of GGUF's architectures, and the metadata that only one of them has.
#include <array>
#include <cmath>

#include "braid/config/gguf_keys.h"

namespace braid {
namespace {

// The keys of all mixtures. Absent keys: weights are as llama.cpp computes them.
Status read_experts(const GgufKeys& keys, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  TRY(moe.num_experts, keys.get_int32("expert_count"));
  TRY(moe.experts_per_token, keys.get_int32("expert_used_count"));
  TRY(const auto shared, keys.find_int("expert_shared_count"));
  if (shared.value_or(0) != 0) return keys.wrong_value("expert_shared_count", "0: shared experts are not supported");
  TRY(const auto scale, keys.find_double("expert_weights_scale"));
  if (scale && *scale != 1.0 && *scale != 0.0) {
    return keys.wrong_value("expert_weights_scale", "1: others are not supported");
  }
  TRY(const auto gating, keys.find_int("expert_gating_func"));
  if (gating.value_or(1) > 1) return keys.wrong_value("expert_gating_func", "1 (softmax): others are not supported");
  return {};
}

void find_moe_layers(const GgufFile& file, ModelConfig& config) {
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    config.is_moe_layer[static_cast<size_t>(layer)] = has_tensor_in_layer(file, layer, "ffn_gate_inp.weight");
  }
}

Status read_llama(const GgufFile&, const GgufKeys& keys, ModelConfig& config) {
  if (config.architecture != "MixtralForCausalLM") return {};
  TRY_STATUS(read_experts(keys, config));
  config.moe.expert_ffn = config.ffn;
  config.is_moe_layer.assign(config.is_moe_layer.size(), true);
  return {};
}

Status read_qwen3moe(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  TRY_STATUS(read_experts(keys, config));
  TRY(config.moe.expert_ffn, keys.get_int32("expert_feed_forward_length"));
  find_moe_layers(file, config);
  return {};
}

Status read_qwen2moe(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  TRY_STATUS(read_qwen3moe(file, keys, config));
  config.moe.normalize_top_k = false;
  TRY(config.moe.shared_ffn, keys.get_int32("expert_shared_feed_forward_length"));
  if (config.moe.shared_ffn == 0) return keys.wrong_value("expert_shared_feed_forward_length", "at least 1");
  return {};
}

// Layers behind the model's own predict further tokens.
Status read_glm4moe(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  TRY(const auto num_next, keys.find_int("nextn_predict_layers"));
  if (num_next.value_or(0) > 0) {
    if (*num_next >= config.num_layers) {
      return keys.wrong_value("nextn_predict_layers", fmt::format("below the block_count, {}", config.num_layers));
    }
    config.num_layers -= static_cast<int32_t>(*num_next);
    config.is_moe_layer.resize(static_cast<size_t>(config.num_layers));
    config.notes.push_back(next_token_layers_note(*num_next));
  }
  MoeConfig& moe = config.moe;
  moe.router = MoeRouter::kSigmoid;
  TRY(moe.num_experts, keys.get_int32("expert_count"));
  TRY(moe.experts_per_token, keys.get_int32("expert_used_count"));
  TRY(moe.expert_ffn, keys.get_int32("expert_feed_forward_length"));
  TRY(const auto num_shared, keys.find_int("expert_shared_count"));
  const int64_t shared_ffn = num_shared.value_or(0) * moe.expert_ffn;
  if (num_shared.value_or(0) < 1 || shared_ffn > kMaxInt32) {
    return keys.wrong_value("expert_shared_count", "at least 1, and experts of a size that can be");
  }
  moe.shared_ffn = static_cast<int32_t>(shared_ffn);
  TRY(const auto gating, keys.find_int("expert_gating_func"));
  if (gating.value_or(2) != 2 && *gating != 0) {
    return keys.wrong_value("expert_gating_func", "2 (sigmoid): others are not supported");
  }
  TRY(const auto scale, keys.find_double("expert_weights_scale"));
  if (scale.value_or(0) != 0) moe.routed_scale = static_cast<float>(*scale);
  TRY(const auto normalizes, keys.find_bool("expert_weights_norm"));
  moe.normalize_top_k = normalizes.value_or(true);
  TRY(const auto groups, keys.find_int("expert_group_count"));
  TRY(const auto groups_used, keys.find_int("expert_group_used_count"));
  if (groups.value_or(0) > 0) moe.num_expert_groups = static_cast<int32_t>(*groups);
  if (groups_used.value_or(0) > 0) moe.expert_groups_per_token = static_cast<int32_t>(*groups_used);
  find_moe_layers(file, config);
  config.has_qk_norm = has_tensor_in_layer(file, 0, "attn_q_norm.weight");
  return {};
}

// The rope's range is not rounded to whole dimensions; no key says this. The experts with the largest logits are
// chosen, and the softmax of these logits are their weights.
Status read_gpt_oss(const GgufFile&, const GgufKeys& keys, ModelConfig& config) {
  MoeConfig& moe = config.moe;
  TRY(moe.num_experts, keys.get_int32("expert_count"));
  TRY(moe.experts_per_token, keys.get_int32("expert_used_count"));
  TRY(const auto expert_ffn, keys.find_int("expert_feed_forward_length"));
  moe.expert_ffn = static_cast<int32_t>(expert_ffn.value_or(config.ffn));
  TRY(const auto gating, keys.find_int("expert_gating_func"));
  if (gating.value_or(0) != 0 && *gating != 3) {
    return keys.wrong_value("expert_gating_func", "3 (softmax of the chosen ones): others are not supported");
  }
  config.is_moe_layer.assign(config.is_moe_layer.size(), true);
  config.rope.truncates_range = false;
  return {};
}

Status read_granite(const GgufFile&, const GgufKeys& keys, ModelConfig& config) {
  const auto read = [&](std::string_view key, float& value) -> Status {
    TRY(const auto found, keys.find_double(key));
    if (found && *found != 0) value = static_cast<float>(*found);
    return {};
  };
  TRY_STATUS(read("attention.scale", config.attention_scale));
  TRY_STATUS(read("embedding_scale", config.embedding_multiplier));
  TRY_STATUS(read("residual_scale", config.residual_multiplier));
  return read("logit_scale", config.logits_divisor);
}

// An absent key leaves `value` unchanged; 0: none.
Status read_soft_cap(const GgufKeys& keys, std::string_view key, float& value) {
  TRY(const auto found, keys.find_double(key));
  if (found) value = static_cast<float>(*found);
  return {};
}

// Norms are stored as they are used. No key says how attention's scores are scaled. Do as llama.cpp does: by the size
// of a head, except that the largest model of the line (recognized by its number of layers) scales by hidden size /
// number of heads.
Status read_gemma(const GgufKeys& keys, int32_t layers_of_largest, ModelConfig& config) {
  config.embedding_multiplier = std::sqrt(static_cast<float>(config.hidden));
  config.rounds_embedding_multiplier = true;
  const bool is_largest = config.num_layers == layers_of_largest;
  const int32_t divisor = is_largest ? config.hidden / config.num_heads : config.head_dim;
  if (divisor > 0) config.attention_scale = 1.0F / std::sqrt(static_cast<float>(divisor));
  TRY(const auto scale, keys.find_double("attention.scale"));
  if (scale && *scale != 0) config.attention_scale = static_cast<float>(*scale);
  return read_soft_cap(keys, "final_logit_softcapping", config.logits_soft_cap);
}

Status read_gemma2(const GgufFile&, const GgufKeys& keys, ModelConfig& config) {
  config.logits_soft_cap = 30;
  config.attention_soft_cap = 50;
  TRY_STATUS(read_gemma(keys, 46, config));
  return read_soft_cap(keys, "attn_logit_softcapping", config.attention_soft_cap);
}

Status read_gemma3(const GgufFile&, const GgufKeys& keys, ModelConfig& config) {
  TRY(const auto theta, keys.find_double("rope.freq_base_swa"));
  config.local_rope.theta = theta.value_or(10000.0);
  return read_gemma(keys, 62, config);
}

// No key says which layers have no rope: every fourth, as in SmolLM3-3B.
Status read_smollm3(const GgufFile&, const GgufKeys&, ModelConfig& config) {
  for (int32_t layer = 0; layer < config.num_layers; ++layer) config.has_rope.push_back((layer + 1) % 4 != 0);
  return {};
}

constexpr std::array<std::string_view, 4> kGraniteKeys = {"attention.scale", "embedding_scale", "residual_scale",
                                                          "logit_scale"};
constexpr std::array<std::string_view, 3> kGemma2Keys = {"attention.scale", "attn_logit_softcapping",
                                                         "final_logit_softcapping"};
constexpr std::array<std::string_view, 2> kGemma3Keys = {"attention.scale", "final_logit_softcapping"};

// A llama file with a window is a Mistral. No key says which layers of a Qwen have one (max_window_layers).
constexpr std::array<GgufArchitecture, 13> kArchitectures = {{
    {.gguf = "llama",
     .dense = "LlamaForCausalLM",
     .with_experts = "MixtralForCausalLM",
     .read_own = read_llama,
     .interleaves_heads = true,
     .windows = {.layers = WindowLayers::kAll}},
    {.gguf = "qwen2", .dense = "Qwen2ForCausalLM"},
    {.gguf = "qwen2moe", .with_experts = "Qwen2MoeForCausalLM", .read_own = read_qwen2moe},
    {.gguf = "qwen3", .dense = "Qwen3ForCausalLM"},
    {.gguf = "qwen3moe", .with_experts = "Qwen3MoeForCausalLM", .read_own = read_qwen3moe},
    {.gguf = "olmo2", .dense = "Olmo2ForCausalLM"},
    {.gguf = "granite",
     .dense = "GraniteForCausalLM",
     .read_own = read_granite,
     .interleaves_heads = true,
     .own_keys = kGraniteKeys},
    {.gguf = "smollm3",
     .dense = "SmolLM3ForCausalLM",
     .read_own = read_smollm3,
     .interleaves_heads = true,
     .windows = {.layers = WindowLayers::kWithoutRope}},
    {.gguf = "phi3", .dense = "Phi3ForCausalLM", .windows = {.layers = WindowLayers::kAll}},
    {.gguf = "glm4moe", .with_experts = "Glm4MoeForCausalLM", .read_own = read_glm4moe},
    {.gguf = "gpt-oss",
     .with_experts = "GptOssForCausalLM",
     .read_own = read_gpt_oss,
     .windows = {.layers = WindowLayers::kEven, .window = 128}},
    {.gguf = "gemma2",
     .dense = "Gemma2ForCausalLM",
     .read_own = read_gemma2,
     .windows = {.layers = WindowLayers::kEven, .window = 4096},
     .own_keys = kGemma2Keys},
    {.gguf = "gemma3",
     .dense = "Gemma3ForCausalLM",
     .read_own = read_gemma3,
     .windows = {.layers = WindowLayers::kPattern, .has_local_rope = true},
     .own_keys = kGemma3Keys},
}};

}  // namespace

bool has_tensor_in_layer(const GgufFile& file, int32_t layer, std::string_view name) {
  return file.find_tensor(fmt::format("blk.{}.{}", layer, name)) != nullptr;
}

const GgufArchitecture* find_gguf_architecture(std::string_view name) {
  const auto* const found = std::ranges::find(kArchitectures, name, &GgufArchitecture::gguf);
  return found == kArchitectures.end() ? nullptr : &*found;
}

std::string known_gguf_architectures() {
  std::string names;
  for (const GgufArchitecture& one : kArchitectures) names.append(names.empty() ? "" : ", ").append(one.gguf);
  return names;
}

}  // namespace braid
