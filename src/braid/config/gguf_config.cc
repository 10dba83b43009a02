#include "braid/config/gguf_config.h"

#include <algorithm>

#include "braid/config/gguf_keys.h"

namespace braid {
namespace {

Status read_sizes(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  TRY(config.hidden, keys.get_int32("embedding_length"));
  TRY(config.num_layers, keys.get_int32("block_count"));
  TRY(config.num_heads, keys.get_int32("attention.head_count"));
  TRY(const auto kv_heads, keys.find_int("attention.head_count_kv"));
  config.num_kv_heads = static_cast<int32_t>(kv_heads.value_or(config.num_heads));
  TRY(config.max_position, keys.get_int32("context_length"));
  TRY(const auto eps, keys.find_double("attention.layer_norm_rms_epsilon"));
  if (!eps) return fail("the metadata \"{}\" is missing", keys.full("attention.layer_norm_rms_epsilon"));
  config.norm_eps = static_cast<float>(*eps);
  if (config.num_layers < 1 || config.num_layers > 4096) return keys.wrong_value("block_count", "between 1 and 4096");
  if (config.num_heads < 1) return keys.wrong_value("attention.head_count", "at least 1");

  TRY(const auto key_length, keys.find_int("attention.key_length"));
  TRY(const auto value_length, keys.find_int("attention.value_length"));
  if (!key_length && config.hidden % config.num_heads != 0) {
    return fail("an embedding_length of {} is not a multiple of {} heads, and there is no \"{}\"", config.hidden,
                config.num_heads, keys.full("attention.key_length"));
  }
  config.head_dim = static_cast<int32_t>(key_length.value_or(config.hidden / config.num_heads));
  if (value_length && *value_length != config.head_dim) {
    return keys.wrong_value("attention.value_length",
                            fmt::format("the keys' {}: others are not supported", config.head_dim));
  }

  const GgufTensor* const embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) return fail("there is no matrix \"token_embd.weight\"");
  config.vocab_size = embedding->shape[0];
  TRY(const auto vocab_size, keys.find_int("vocab_size"));
  if (vocab_size && *vocab_size != config.vocab_size) {
    return keys.wrong_value("vocab_size", fmt::format("{}, as token_embd.weight has rows", config.vocab_size));
  }
  return {};
}

Status check_features(const GgufKeys& keys, std::span<const std::string_view> own_keys) {
  for (const std::string_view key : {"attn_logit_softcapping", "final_logit_softcapping", "attention.clamp_kqv",
                                     "logit_scale", "residual_scale", "embedding_scale", "attention.scale"}) {
    if (std::ranges::find(own_keys, key) != own_keys.end()) continue;
    TRY(const auto value, keys.find_double(key));
    if (value.value_or(0) != 0) return keys.wrong_value(key, "absent: it is not supported");
  }
  return {};
}

Status read_tokens(const GgufFile& file, ModelConfig& config) {
  const auto find_token = [&](std::string_view key) { return file.find_int(key, 0, config.vocab_size - 1); };
  for (const std::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    TRY(const auto token, find_token(key));
    if (!token) continue;
    auto& tokens = config.eos_token_ids;
    const auto id = static_cast<TokenId>(*token);
    if (std::find(tokens.begin(), tokens.end(), id) == tokens.end()) tokens.push_back(id);
  }
  TRY(const auto bos, find_token("tokenizer.ggml.bos_token_id"));
  TRY(const auto pad, find_token("tokenizer.ggml.padding_token_id"));
  if (bos) config.bos_token_id = static_cast<TokenId>(*bos);
  if (pad) config.pad_token_id = static_cast<TokenId>(*pad);
  return {};
}

}  // namespace

Result<ModelConfig> read_gguf_config(const GgufFile& file) {
  TRY(const auto name, file.find_string("general.architecture"));
  if (!name) return fail("the metadata \"general.architecture\" is missing");
  const GgufArchitecture* const architecture = find_gguf_architecture(*name);
  if (architecture == nullptr) {
    return file.wrong_value("general.architecture", "one of " + known_gguf_architectures());
  }
  const GgufKeys keys(file, *name);
  ModelConfig config;
  TRY_STATUS(read_sizes(file, keys, config));
  config.is_moe_layer.assign(static_cast<size_t>(config.num_layers), false);

  TRY(const auto num_experts, keys.find_int("expert_count"));
  const bool has_experts = num_experts.value_or(0) > 0;
  config.architecture = has_experts ? architecture->with_experts : architecture->dense;
  if (config.architecture.empty()) {
    return keys.wrong_value("expert_count", architecture->dense.empty() ? "at least 1" : "0");
  }
  TRY(const auto ffn, keys.find_int("feed_forward_length"));
  const bool needs_ffn = !name->ends_with("moe");
  if (!ffn && needs_ffn) return fail("the metadata \"{}\" is missing", keys.full("feed_forward_length"));
  config.ffn = static_cast<int32_t>(ffn.value_or(0));
  if (architecture->read_own != nullptr) TRY_STATUS(architecture->read_own(file, keys, config));
  if (!needs_ffn && config.ffn == 0) config.ffn = config.moe.expert_ffn;  // no dense layer uses it

  TRY_STATUS(read_gguf_windows(file, keys, architecture->windows, config));
  TRY_STATUS(read_gguf_rope(file, keys, config));
  TRY_STATUS(check_features(keys, architecture->own_keys));
  TRY_STATUS(read_tokens(file, config));
  config.tie_embeddings = file.find_tensor("output.weight") == nullptr;
  config.qkv_bias = has_tensor_in_layer(file, 0, "attn_q.bias");
  config.output_bias = has_tensor_in_layer(file, 0, "attn_output.bias");
  config.mlp_bias = has_tensor_in_layer(file, 0, "ffn_gate.bias");
  TRY_STATUS(check_model_config(config, "its metadata"));
  return config;
}

Result<GenerationDefaults> read_gguf_generation(const GgufFile& file) {
  GenerationDefaults result;
  const auto read = [&](std::string_view key, double min, double max, std::optional<float>& value) -> Status {
    TRY(const auto found, file.find_double(key));
    if (!found) return {};
    if (!(*found >= min && *found <= max)) return file.wrong_value(key, fmt::format("between {} and {}", min, max));
    value = static_cast<float>(*found);
    return {};
  };
  TRY_STATUS(read("general.sampling.temp", 0, 100, result.temperature));
  TRY_STATUS(read("general.sampling.top_p", 0, 1, result.top_p));
  TRY_STATUS(read("general.sampling.min_p", 0, 1, result.min_p));
  TRY_STATUS(read("general.sampling.penalty_repeat", 1e-3, 1e3, result.repetition_penalty));
  TRY(const auto top_k, file.find_int("general.sampling.top_k", -1, kMaxInt32));
  if (top_k) result.top_k = static_cast<int32_t>(std::max<int64_t>(*top_k, 0));
  return result;
}

}  // namespace braid
