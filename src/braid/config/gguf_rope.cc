// Reads the rotary embedding's part of a GGUF file's metadata. Tested by gguf_config_test.cc.
#include <cmath>

#include "braid/config/gguf_keys.h"

namespace braid {
namespace {

using Kind = RopeConfig::Kind;

// As in llama.cpp: the paper's scale of cosines and sines, times the file's factor.
Status read_yarn_keys(const GgufKeys& keys, double factor, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  rope.kind = Kind::kYarn;
  rope.factor = factor;
  TRY(const auto original, keys.find_int("rope.scaling.original_context_length"));
  rope.original_max_position = original.value_or(config.max_position);
  TRY(const auto beta_fast, keys.find_double("rope.scaling.yarn_beta_fast"));
  TRY(const auto beta_slow, keys.find_double("rope.scaling.yarn_beta_slow"));
  if (beta_fast.value_or(0) != 0) rope.beta_fast = *beta_fast;
  if (beta_slow.value_or(0) != 0) rope.beta_slow = *beta_slow;
  TRY(const auto scale, keys.find_double("rope.scaling.attn_factor"));
  rope.attention_factor = scale.value_or(1.0) * (factor > 1 ? 0.1 * std::log(factor) + 1.0 : 1.0);
  return {};
}

// The factors are tensors (gguf_checkpoint.cc).
Status read_longrope_keys(const GgufKeys& keys, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  rope.kind = Kind::kLongRope;
  TRY(const auto original, keys.find_int("rope.scaling.original_context_length"));
  rope.original_max_position = original.value_or(config.max_position);
  TRY(const auto scale, keys.find_double("rope.scaling.attn_factor"));
  rope.attention_factor = scale.value_or(1.0);
  return {};
}

}  // namespace

Status read_gguf_rope(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  TRY(const auto theta, keys.find_double("rope.freq_base"));
  rope.theta = theta.value_or(10000.0);
  const bool can_be_partial = config.architecture == "Phi3ForCausalLM" || config.architecture == "Glm4MoeForCausalLM";
  TRY(const auto dimensions, keys.find_int("rope.dimension_count"));
  if (dimensions && !can_be_partial && *dimensions != config.head_dim) {
    return keys.wrong_value("rope.dimension_count",
                            fmt::format("the heads' {}: others are not supported", config.head_dim));
  }
  if (dimensions) rope.rotary_dim = static_cast<int32_t>(*dimensions);
  if (file.find_tensor("rope_factors_short.weight") != nullptr) return read_longrope_keys(keys, config);

  TRY(const auto type, keys.find_string("rope.scaling.type"));
  TRY(const auto factor, keys.find_double("rope.scaling.factor"));
  TRY(const auto old_factor, keys.find_double("rope.scale_linear"));
  const double scale = factor.value_or(old_factor.value_or(1.0));
  const std::string kind = type.value_or("linear");
  if (kind == "yarn") return read_yarn_keys(keys, scale, config);
  if (kind != "none" && kind != "linear") {
    return keys.wrong_value("rope.scaling.type", "\"none\", \"linear\" or \"yarn\": others are not supported");
  }
  if (kind == "linear" && scale != 0.0 && scale != 1.0) {
    rope.kind = Kind::kLinear;
    rope.factor = scale;
  }
  return {};
}

}  // namespace braid
