#include "braid/config/hf_config.h"

#include <algorithm>

#include "braid/config/hf_class.h"
#include "braid/config/hf_rope.h"
#include "braid/config/layer_windows.h"

namespace braid {
namespace {

Status read_sizes(const JsonObject& json, const HfClass& defaults, ModelConfig& config) {
  config.hidden = defaults.hidden;
  config.ffn = defaults.ffn;
  config.num_layers = defaults.num_layers;
  config.num_heads = defaults.num_heads;
  TRY(const auto vocab_size, json.find_int("vocab_size", 1, kMaxInt32));
  config.vocab_size = vocab_size.value_or(defaults.vocab_size);
  TRY_STATUS(read_int32(json, "hidden_size", config.hidden));
  TRY_STATUS(read_int32(json, "intermediate_size", config.ffn));
  TRY_STATUS(read_int32(json, "num_hidden_layers", config.num_layers));
  TRY_STATUS(read_int32(json, "num_attention_heads", config.num_heads));
  if (config.num_heads == 0) return json.wrong_value("num_attention_heads", "at least 1");
  if (config.num_layers == 0 || config.num_layers > 4096) {
    return json.wrong_value("num_hidden_layers", "between 1 and 4096");
  }

  // null means as many as query heads; an absent key means the class's default.
  const bool all_heads = json.is_null("num_key_value_heads") || defaults.num_kv_heads == 0;
  config.num_kv_heads = all_heads ? config.num_heads : defaults.num_kv_heads;
  TRY_STATUS(read_int32(json, "num_key_value_heads", config.num_kv_heads));

  config.head_dim = json.is_null("head_dim") ? 0 : defaults.head_dim;
  TRY_STATUS(read_int32(json, "head_dim", config.head_dim));
  if (json.has("head_dim") && config.head_dim == 0) return json.wrong_value("head_dim", "at least 8");
  if (config.head_dim == 0) {
    if (config.hidden % config.num_heads != 0) {
      return fail("{}: hidden_size {} is not a multiple of num_attention_heads {}, and there is no head_dim",
                  json.name(), config.hidden, config.num_heads);
    }
    config.head_dim = config.hidden / config.num_heads;
  }
  TRY(const auto max_position, json.find_int("max_position_embeddings", 1));
  config.max_position = max_position.value_or(defaults.max_position);
  TRY(const auto eps, json.find_double("rms_norm_eps"));
  config.norm_eps = static_cast<float>(eps.value_or(defaults.norm_eps));
  return {};
}

Status check_quantization(const JsonObject& json, const HfClass& defaults) {
  TRY(const auto quantization, json.find_object("quantization_config"));
  if (quantization) {
    TRY(const auto method, quantization->find_string("quant_method"));
    if (defaults.quant_method.empty() || method != defaults.quant_method) {
      return fail(
          "{}: quantised weights (quantization_config, quant_method \"{}\") are not supported: BF16, F16 and F32 "
          "are{}, and GGUF files",
          json.name(), method.value_or("?").substr(0, 80),
          defaults.quant_method.empty() ? "" : fmt::format(", and \"{}\"", defaults.quant_method));
    }
  }
  return {};
}

Status check_features(const JsonObject& json, const HfClass& defaults) {
  TRY_STATUS(check_quantization(json, defaults));
  TRY(const auto activation, json.find_string(defaults.activation_key));
  const std::string_view own = defaults.activation;
  const bool is_own = !activation || *activation == own || (own == "silu" && *activation == "swish");
  if (!is_own) return json.wrong_value(defaults.activation_key, fmt::format("\"{}\": others are not supported", own));
  TRY(const auto is_decoder, json.find_bool("is_encoder_decoder"));
  if (is_decoder.value_or(false)) return json.wrong_value("is_encoder_decoder", "false: others are not supported");
  TRY(const auto mlp_bias, json.find_bool("mlp_bias"));
  if (mlp_bias.value_or(false) && !defaults.has_mlp_bias) {
    return fail("{}: {} has no mlp_bias", json.name(), defaults.architecture);
  }
  return {};
}

Status read_attention_bias(const JsonObject& json, HfAttentionBias kind, ModelConfig& config) {
  switch (kind) {
    case HfAttentionBias::kNone:
      return {};
    case HfAttentionBias::kQkv:
      config.qkv_bias = true;
      return {};
    case HfAttentionBias::kQkvByQkvKey:
      config.qkv_bias = true;
      return read_bool(json, "qkv_bias", config.qkv_bias);
    case HfAttentionBias::kQkvByKey:
      return read_bool(json, "attention_bias", config.qkv_bias);
    case HfAttentionBias::kByKey:
      TRY_STATUS(read_bool(json, "attention_bias", config.qkv_bias));
      config.output_bias = config.qkv_bias;
      return {};
    case HfAttentionBias::kByKeyElseAll:
      config.qkv_bias = true;
      TRY_STATUS(read_bool(json, "attention_bias", config.qkv_bias));
      config.output_bias = config.qkv_bias;
      return {};
  }
  return {};
}

Status read_special_tokens(const JsonObject& json, const HfClass& defaults, ModelConfig& config) {
  TRY(config.eos_token_ids, read_token_ids(json, "eos_token_id"));
  TRY(const auto bos, json.find_int("bos_token_id", 0, kMaxInt32));
  TRY(const auto pad, json.find_int("pad_token_id", -1, kMaxInt32));  // -1 in old Llama checkpoints: none
  if (bos) config.bos_token_id = static_cast<TokenId>(*bos);
  if (pad && *pad >= 0) config.pad_token_id = static_cast<TokenId>(*pad);
  const bool says_no_eos = json.is_null("eos_token_id");
  if (config.eos_token_ids.empty() && !says_no_eos && defaults.eos_token >= 0)
    config.eos_token_ids = {defaults.eos_token};
  if (!bos && !json.is_null("bos_token_id") && defaults.bos_token >= 0) config.bos_token_id = defaults.bos_token;
  return {};
}

Status read_dtype(const JsonObject& json, ModelConfig& config) {
  for (const std::string_view key : {"torch_dtype", "dtype"}) {
    TRY(const auto name, json.find_string(key));
    if (!name) continue;
    if (*name == "bfloat16") {
      config.checkpoint_dtype = DType::kBFloat16;
    } else if (*name == "float16") {
      config.checkpoint_dtype = DType::kFloat16;
    } else if (*name == "float32") {
      config.checkpoint_dtype = DType::kFloat32;
    } else if (*name != "auto") {
      return json.wrong_value(key, "bfloat16, float16 or float32");
    }
  }
  return {};
}

// The keys of the text tower of a vision-language checkpoint. Tokens, dtype and head of the whole checkpoint take
// precedence.
Result<Json> text_config_of(const JsonObject& whole, const HfClass& defaults) {
  TRY(const auto text, whole.find_object("text_config"));
  if (!text && defaults.has_flat_text_config) return whole.json();
  Json keys = text ? text->json() : Json::object();
  bool text_ties = false;
  if (text && defaults.text_config_ties) TRY_STATUS(read_bool(*text, "tie_word_embeddings", text_ties));
  keys.erase("tie_word_embeddings");
  if (whole.has("dtype") || whole.has("torch_dtype")) {
    keys.erase("dtype");
    keys.erase("torch_dtype");
  }
  for (const char* const key :
       {"bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "tie_word_embeddings"}) {
    if (const Json* const value = whole.find(key)) keys[key] = *value;
  }
  if (text_ties) keys["tie_word_embeddings"] = true;
  return keys;
}

}  // namespace

Status read_int32(const JsonObject& json, std::string_view key, int32_t& value) {
  TRY(const auto found, json.find_int(key, 0, kMaxInt32));
  if (found) value = static_cast<int32_t>(*found);
  return {};
}

Status read_float(const JsonObject& json, std::string_view key, float& value) {
  TRY(const auto found, json.find_double(key));
  if (found) value = static_cast<float>(*found);
  return {};
}

Status read_bool(const JsonObject& json, std::string_view key, bool& value) {
  TRY(const auto found, json.find_bool(key));
  if (found) value = *found;
  return {};
}

Result<std::vector<TokenId>> read_token_ids(const JsonObject& json, std::string_view key) {
  std::vector<TokenId> tokens;
  const Json* const value = json.find(key);
  if (value == nullptr) return tokens;
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer()) return false;
    const bool is_large = id.is_number_unsigned() && id.get<uint64_t>() > static_cast<uint64_t>(kMaxInt32);
    if (is_large || id.get<int64_t>() < 0) return false;
    tokens.push_back(id.get<TokenId>());
    return true;
  };
  constexpr std::string_view kMustBe = "a token id, or a list of them";
  if (value->is_array()) {
    if (value->size() > 1000) return json.wrong_value(key, kMustBe);
    for (const Json& id : *value) {
      if (!add(id)) return json.wrong_value(key, kMustBe);
    }
  } else if (!add(*value)) {
    return json.wrong_value(key, kMustBe);
  }
  return tokens;
}

Result<ModelConfig> read_hf_config(const Json& document, const std::string& name) {
  TRY(const auto whole, JsonObject::of(document, name));
  TRY(const HfClass* const defaults, find_hf_class(whole));
  TRY_STATUS(check_quantization(whole, *defaults));
  Json text_config;
  if (defaults->has_text_config) {
    TRY(text_config, text_config_of(whole, *defaults));
  }
  TRY(const auto json,
      defaults->has_text_config ? JsonObject::of(text_config, name + ": text_config") : JsonObject::of(document, name));
  ModelConfig config;
  config.architecture = defaults->architecture;
  config.is_text_tower = defaults->has_text_config;
  config.sees_whole_images = defaults->sees_whole_images;
  TRY_STATUS(check_features(json, *defaults));
  TRY_STATUS(read_sizes(json, *defaults, config));
  config.moe = defaults->moe;
  config.is_moe_layer.assign(static_cast<size_t>(config.num_layers), false);
  if (defaults->read_own != nullptr) TRY_STATUS(defaults->read_own(json, config));
  const WindowRule windows{.layers = defaults->window_layers,
                           .window = defaults->window,
                           .max_window_layers = defaults->max_window_layers,
                           .has_local_rope = defaults->local_rope_theta > 0};
  TRY_STATUS(read_hf_windows(json, windows, defaults->has_window_switch, config));
  TRY_STATUS(read_hf_rope(json, *defaults, config));
  config.tie_embeddings = defaults->ties_embeddings;
  TRY_STATUS(read_bool(json, "tie_word_embeddings", config.tie_embeddings));
  TRY_STATUS(read_attention_bias(json, defaults->attention_bias, config));
  if (defaults->has_mlp_bias) TRY_STATUS(read_bool(json, "mlp_bias", config.mlp_bias));
  TRY_STATUS(read_special_tokens(json, *defaults, config));
  TRY_STATUS(read_dtype(json, config));
  TRY_STATUS(check_model_config(config, name));
  if (defaults->has_text_config) {
    TRY(config.vision, read_hf_vision_config(whole, config.architecture, config.hidden, config.vocab_size));
  }
  return config;
}

}  // namespace braid
