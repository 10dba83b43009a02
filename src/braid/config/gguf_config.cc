#include "braid/config/gguf_config.h"

#include <algorithm>
#include <array>

namespace braid {
namespace {

struct GgufArchitecture {
  std::string_view gguf;
  std::string_view dense;         // with no expert
  std::string_view with_experts;  // empty: cannot have any
};

constexpr std::array<GgufArchitecture, 3> kArchitectures = {{
    {"llama", "LlamaForCausalLM", "MixtralForCausalLM"},
    {"qwen3", "Qwen3ForCausalLM", ""},
    {"qwen3moe", "", "Qwen3MoeForCausalLM"},
}};

// Keys under the architecture's name: "llama.block_count".
class ArchitectureKeys {
 public:
  ArchitectureKeys(const GgufFile& file, std::string name) : file_(file), prefix_(std::move(name) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  bool has(std::string_view key) const { return file_.has(full(key)); }
  Result<std::optional<double>> find_double(std::string_view key) const { return file_.find_double(full(key)); }
  Result<std::optional<std::string>> find_string(std::string_view key) const { return file_.find_string(full(key)); }
  Error wrong_value(std::string_view key, std::string_view must_be) const {
    return file_.wrong_value(full(key), must_be);
  }

  // One number, or an array that says the same number for every layer.
  Result<std::optional<int64_t>> find_int(std::string_view key) const {
    if (const auto numbers = file_.find_ints(full(key)); numbers.ok() && numbers->has_value()) {
      const auto& values = **numbers;
      if (values.empty() || std::any_of(values.begin(), values.end(), [&](int32_t v) { return v != values[0]; })) {
        return fail("\"{}\" differs between layers, which is not supported", full(key));
      }
      return std::optional<int64_t>(values[0]);
    }
    return file_.find_int(full(key), 0, kMaxInt32);
  }

  Result<int32_t> get_int32(std::string_view key) const {
    TRY(const auto found, find_int(key));
    if (!found) return fail("the metadata \"{}\" is missing", full(key));
    return static_cast<int32_t>(*found);
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

Status read_sizes(const GgufFile& file, const ArchitectureKeys& keys, ModelConfig& config) {
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

bool has_tensor_in_layer(const GgufFile& file, int32_t layer, std::string_view name) {
  return file.find_tensor(fmt::format("blk.{}.{}", layer, name)) != nullptr;
}

Status read_moe(const GgufFile& file, const ArchitectureKeys& keys, bool is_mixtral, ModelConfig& config) {
  TRY(config.moe.num_experts, keys.get_int32("expert_count"));
  TRY(config.moe.experts_per_token, keys.get_int32("expert_used_count"));
  // llama.cpp divides the chosen experts' weights by their sum in all of these.
  config.moe.normalize_top_k = true;
  if (is_mixtral) {
    config.moe.expert_ffn = config.ffn;
    config.is_moe_layer.assign(config.is_moe_layer.size(), true);
  } else {
    TRY(config.moe.expert_ffn, keys.get_int32("expert_feed_forward_length"));
    for (int32_t layer = 0; layer < config.num_layers; ++layer) {
      config.is_moe_layer[static_cast<size_t>(layer)] = has_tensor_in_layer(file, layer, "ffn_gate_inp.weight");
    }
  }
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

Status read_rope(const ArchitectureKeys& keys, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  TRY(const auto theta, keys.find_double("rope.freq_base"));
  rope.theta = theta.value_or(10000.0);
  TRY(const auto dimensions, keys.find_int("rope.dimension_count"));
  if (dimensions && *dimensions != config.head_dim) {
    return keys.wrong_value("rope.dimension_count",
                            fmt::format("the heads' {}: others are not supported", config.head_dim));
  }
  TRY(const auto type, keys.find_string("rope.scaling.type"));
  TRY(const auto factor, keys.find_double("rope.scaling.factor"));
  TRY(const auto old_factor, keys.find_double("rope.scale_linear"));
  if (type && *type != "none" && *type != "linear") {
    return keys.wrong_value("rope.scaling.type", "\"none\" or \"linear\": others are not supported");
  }
  const double scale = factor.value_or(old_factor.value_or(1.0));
  if (type.value_or("linear") == "linear" && scale != 0.0 && scale != 1.0) {
    rope.kind = RopeConfig::Kind::kLinear;
    rope.factor = scale;
  }
  return {};
}

Status check_features(const ArchitectureKeys& keys, const ModelConfig& config) {
  TRY(const auto window, keys.find_int("attention.sliding_window"));
  if (window.value_or(0) != 0 && *window < config.max_position) {
    return keys.wrong_value("attention.sliding_window", "0: sliding-window attention is not supported");
  }
  for (const std::string_view key : {"attn_logit_softcapping", "final_logit_softcapping", "logit_scale",
                                     "residual_scale", "embedding_scale", "attention.clamp_kqv", "attention.scale"}) {
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
  const auto* const architecture = std::find_if(kArchitectures.begin(), kArchitectures.end(),
                                                [&](const GgufArchitecture& a) { return a.gguf == *name; });
  if (architecture == kArchitectures.end()) {
    return file.wrong_value("general.architecture", "llama, qwen3 or qwen3moe: others are not supported");
  }
  const ArchitectureKeys keys(file, *name);
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
  const bool needs_ffn = *name != "qwen3moe";
  if (!ffn && needs_ffn) return fail("the metadata \"{}\" is missing", keys.full("feed_forward_length"));
  config.ffn = static_cast<int32_t>(ffn.value_or(0));
  if (has_experts) TRY_STATUS(read_moe(file, keys, *name == "llama", config));
  if (!needs_ffn && config.ffn == 0) config.ffn = config.moe.expert_ffn;  // no dense layer reads it

  TRY_STATUS(read_rope(keys, config));
  TRY_STATUS(check_features(keys, config));
  TRY_STATUS(read_tokens(file, config));
  config.tie_embeddings = file.find_tensor("output.weight") == nullptr;
  config.attention_bias = has_tensor_in_layer(file, 0, "attn_q.bias");
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
