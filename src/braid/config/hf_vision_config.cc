// Reads config.json's vision_config. An absent key has transformers' default for the class (checked against
// transformers 5.24). Tested by vision_config_test.cc.
#include <algorithm>
#include <cmath>

#include "braid/config/hf_class.h"
#include "braid/config/vision_config.h"

namespace braid {
namespace {

VisionConfig qwen3_vl_defaults() {
  return {.kind = VisionKind::kQwen3Vl,
          .depth = 27,
          .hidden = 1152,
          .num_heads = 16,
          .ffn = 4304,
          .out_hidden = 3584,
          .patch_size = 16,
          .temporal_patch_size = 2,
          .merge_size = 2,
          .activation = VisionActivation::kGeluTanh};
}

VisionConfig qwen25_vl_defaults() {
  return {.kind = VisionKind::kQwen25Vl,
          .depth = 32,
          .hidden = 3584,
          .num_heads = 16,
          .ffn = 3420,
          .out_hidden = 3584,
          .patch_size = 14,
          .temporal_patch_size = 2,
          .merge_size = 2,
          .window_size = 112,
          .activation = VisionActivation::kSilu,
          .tokens_per_second = 4,
          .normalisation = kClipNormalisation};
}

VisionConfig siglip_defaults() {
  return {.kind = VisionKind::kSiglip,
          .depth = 12,
          .hidden = 768,
          .num_heads = 12,
          .ffn = 3072,
          .patch_size = 16,
          .image_size = 224,
          .activation = VisionActivation::kGeluTanh};
}

Status read_vision_activation(const JsonObject& json, VisionConfig& config) {
  TRY(const auto name, json.find_string("hidden_act"));
  if (!name) return {};
  // Gated blocks have SiLU; the others a GELU.
  if (config.kind == VisionKind::kQwen25Vl) {
    if (*name == "silu" || *name == "swish") return {};
    return json.wrong_value("hidden_act", "\"silu\": others are not supported");
  }
  if (*name == "gelu_pytorch_tanh" || *name == "gelu_new") {
    config.activation = VisionActivation::kGeluTanh;
  } else if (*name == "gelu") {
    config.activation = VisionActivation::kGelu;
  } else {
    return json.wrong_value("hidden_act", "\"gelu_pytorch_tanh\" or \"gelu\": others are not supported");
  }
  return {};
}

Status read_channels(const JsonObject& json, std::string_view key) {
  TRY(const auto channels, json.find_int(key));
  if (channels.value_or(ImagePatches::kChannels) == ImagePatches::kChannels) return {};
  return json.wrong_value(key, fmt::format("{}: others are not supported", ImagePatches::kChannels));
}

Status read_vision_rope(const JsonObject& json, VisionConfig& config) {
  TRY(const auto rope, json.find_object("rope_parameters"));
  if (!rope) return {};
  TRY(const auto type, rope->find_string("rope_type"));
  if (type && *type != "axial" && *type != "default") {
    return rope->wrong_value("rope_type", "\"axial\": others are not supported");
  }
  TRY(const auto theta, rope->find_double("rope_theta"));
  config.rope_theta = theta.value_or(config.rope_theta);
  return {};
}

// The keys that both Qwen classes have.
Status read_qwen_vision_keys(const JsonObject& json, VisionConfig& config) {
  TRY_STATUS(read_int32(json, "depth", config.depth));
  TRY_STATUS(read_int32(json, "num_heads", config.num_heads));
  TRY_STATUS(read_int32(json, "out_hidden_size", config.out_hidden));
  TRY_STATUS(read_int32(json, "temporal_patch_size", config.temporal_patch_size));
  TRY_STATUS(read_int32(json, "spatial_merge_size", config.merge_size));
  TRY_STATUS(read_channels(json, "in_channels"));
  TRY_STATUS(read_channels(json, "in_chans"));  // as first published
  return read_vision_rope(json, config);
}

Status read_qwen3_vl_keys(const JsonObject& json, VisionConfig& config) {
  TRY_STATUS(read_qwen_vision_keys(json, config));
  TRY(const auto positions, json.find_int("num_position_embeddings", 1, int64_t{1} << 24));
  const int64_t num_positions = positions.value_or(2304);
  config.position_side = static_cast<int32_t>(std::lround(std::sqrt(static_cast<double>(num_positions))));
  if (int64_t{config.position_side} * config.position_side != num_positions) {
    return json.wrong_value("num_position_embeddings", "a square");
  }
  TRY(const auto blocks, json.find_ints("deepstack_visual_indexes"));
  if (!blocks) {
    config.deepstack_blocks = {8, 16, 24};
    return {};
  }
  for (const int64_t block : *blocks) {
    if (block < 0 || block >= config.depth) {
      return json.wrong_value("deepstack_visual_indexes", fmt::format("blocks below {}", config.depth));
    }
    config.deepstack_blocks.push_back(static_cast<int32_t>(block));
  }
  return {};
}

Status read_qwen25_vl_keys(const JsonObject& json, VisionConfig& config) {
  TRY_STATUS(read_qwen_vision_keys(json, config));
  TRY_STATUS(read_int32(json, "window_size", config.window_size));
  TRY(const auto rate, json.find_double("tokens_per_second"));
  config.tokens_per_second = rate.value_or(config.tokens_per_second);
  constexpr double kMaxRate = 1000;
  if (!(config.tokens_per_second > 0 && config.tokens_per_second <= kMaxRate)) {
    return json.wrong_value("tokens_per_second", fmt::format("above 0 and at most {}", kMaxRate));
  }
  if (config.window_size == 0) return json.wrong_value("window_size", "at least 1");
  if (config.depth < 1 || config.depth > 1024) return json.wrong_value("depth", "between 1 and 1024");
  config.has_full_attention.assign(static_cast<size_t>(config.depth), false);
  TRY(const auto listed, json.find_ints("fullatt_block_indexes"));
  for (const int64_t block : listed.value_or(std::vector<int64_t>{7, 15, 23, 31})) {
    if (block < 0) return json.wrong_value("fullatt_block_indexes", "at least 0");
    if (block < config.depth) config.has_full_attention[static_cast<size_t>(block)] = true;
  }
  return {};
}

// Gemma 3: what comes of SigLIP's patches is in the whole document.
Status read_siglip_keys(const JsonObject& json, const JsonObject& whole, VisionConfig& config) {
  TRY_STATUS(read_int32(json, "num_hidden_layers", config.depth));
  TRY_STATUS(read_int32(json, "num_attention_heads", config.num_heads));
  TRY_STATUS(read_int32(json, "image_size", config.image_size));
  TRY_STATUS(read_float(json, "layer_norm_eps", config.norm_eps));
  TRY_STATUS(read_channels(json, "num_channels"));
  TRY(const auto tokens, whole.find_int("mm_tokens_per_image", 1, int64_t{1} << 20));
  if (config.patch_size == 0 || config.image_size < config.patch_size) {
    return json.wrong_value("image_size", fmt::format("at least patch_size, which is {}", config.patch_size));
  }
  config.position_side = config.image_size / config.patch_size;
  const auto side = static_cast<int32_t>(std::sqrt(static_cast<double>(tokens.value_or(256))));
  if (int64_t{side} * side != tokens.value_or(256) || side > config.position_side || config.position_side % side != 0) {
    return fail("{}: mm_tokens_per_image is {}, must be the square of a number that divides the {} patches of a side",
                whole.name(), tokens.value_or(256), config.position_side);
  }
  config.merge_size = config.position_side / side;
  return {};
}

// The first of the keys that is present.
Status read_token(const JsonObject& whole, std::initializer_list<std::string_view> keys, TokenId absent,
                  TokenId& token) {
  token = absent;
  for (const std::string_view key : keys) {
    TRY(const auto found, whole.find_int(key, 0, kMaxInt32));
    if (!found) continue;
    token = static_cast<TokenId>(*found);
    break;
  }
  return {};
}

Status read_image_tokens(const JsonObject& whole, VisionConfig& config) {
  if (config.kind == VisionKind::kSiglip) {
    TRY_STATUS(read_token(whole, {"image_token_index", "image_token_id"}, 262144, config.image_token));
    TRY_STATUS(read_token(whole, {"boi_token_index", "boi_token_id"}, 255999, config.start_token));
    return read_token(whole, {"eoi_token_index", "eoi_token_id"}, 256000, config.end_token);
  }
  TRY_STATUS(read_token(whole, {"image_token_id"}, 151655, config.image_token));
  TRY_STATUS(read_token(whole, {"vision_start_token_id"}, 151652, config.start_token));
  TRY_STATUS(read_token(whole, {"vision_end_token_id"}, 151653, config.end_token));
  return read_token(whole, {"video_token_id"}, 151656, config.video_token.emplace());
}

std::optional<VisionConfig> vision_defaults(std::string_view architecture) {
  if (architecture == "Qwen3VLForConditionalGeneration" || architecture == "Qwen3VLMoeForConditionalGeneration") {
    return qwen3_vl_defaults();
  }
  if (architecture == "Qwen2_5_VLForConditionalGeneration") return qwen25_vl_defaults();
  if (architecture == "Gemma3ForConditionalGeneration") return siglip_defaults();
  return std::nullopt;
}

Status read_vision_keys(const JsonObject& json, const JsonObject& whole, VisionConfig& config) {
  TRY_STATUS(read_int32(json, "hidden_size", config.hidden));
  TRY_STATUS(read_int32(json, "intermediate_size", config.ffn));
  TRY_STATUS(read_int32(json, "patch_size", config.patch_size));
  TRY_STATUS(read_vision_activation(json, config));
  switch (config.kind) {
    case VisionKind::kQwen3Vl:
      return read_qwen3_vl_keys(json, config);
    case VisionKind::kQwen25Vl:
      return read_qwen25_vl_keys(json, config);
    case VisionKind::kSiglip:
      return read_siglip_keys(json, whole, config);
  }
  return {};
}

}  // namespace

Result<std::optional<VisionConfig>> read_hf_vision_config(const JsonObject& whole, std::string_view architecture,
                                                          int64_t text_hidden, int64_t vocab_size) {
  std::optional<VisionConfig> config = vision_defaults(architecture);
  TRY(const auto json, whole.find_object("vision_config"));
  if (!config || !json) return std::optional<VisionConfig>();
  if (config->kind == VisionKind::kSiglip) config->out_hidden = static_cast<int32_t>(text_hidden);
  TRY_STATUS(read_vision_keys(*json, whole, *config));
  TRY_STATUS(read_image_tokens(whole, *config));
  TRY_STATUS(check_vision_config(*config, text_hidden, vocab_size, whole.name()));
  return config;
}

}  // namespace braid
