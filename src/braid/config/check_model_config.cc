// The limits of a valid model configuration. Tested by hf_config_test.cc.
#include <cmath>

#include "braid/config/model_config.h"

namespace braid {
namespace {

struct Limit {
  std::string_view name;
  int64_t value;
  int64_t min;
  int64_t max;
};

Status check_original_position(const RopeConfig& rope, std::string_view source) {
  if (rope.original_max_position >= 1 && rope.original_max_position <= int64_t{1} << 30) return {};
  return fail("{}: original_max_position_embeddings is {}, must be between 1 and 2^30", source,
              rope.original_max_position);
}

Status check_rope(const RopeConfig& rope, int32_t head_dim, std::string_view source) {
  using Kind = RopeConfig::Kind;
  const int32_t rotary_dim = rope.rotary_dim > 0 ? rope.rotary_dim : head_dim;
  if (!(rope.theta >= kMinRopeFactor && rope.theta < 1e30)) {
    return fail("{}: rope_theta is {}, must be between {} and 1e30", source, rope.theta, kMinRopeFactor);
  }
  const auto check_factor = [&](double factor) -> Status {
    if (factor >= kMinRopeFactor && factor <= kMaxRopeFactor) return {};
    return fail("{}: a factor of the rope is {}, must be between {} and {}", source, factor, kMinRopeFactor,
                kMaxRopeFactor);
  };
  TRY_STATUS(check_factor(rope.factor));
  for (const float factor : rope.frequency_factors) TRY_STATUS(check_factor(factor));
  for (const float factor : rope.long_factors) TRY_STATUS(check_factor(factor));
  if (!(rope.attention_factor > 0 && rope.attention_factor < 1e9)) {
    return fail("{}: the rope's attention_factor is {}, must be above 0", source, rope.attention_factor);
  }
  if (rotary_dim % 2 != 0 || rotary_dim < 2 || rotary_dim > head_dim) {
    return fail("{}: {} of a head's {} dimensions are rotated, must be an even number from 2 on", source, rotary_dim,
                head_dim);
  }
  if (rope.kind == Kind::kLlama3 &&
      !(rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor && rope.high_freq_factor < 1e9)) {
    return fail("{}: low_freq_factor is {} and high_freq_factor {}, must be above 0 and in this order", source,
                rope.low_freq_factor, rope.high_freq_factor);
  }
  if (rope.kind == Kind::kYarn &&
      !(rope.theta != 1.0 && rope.beta_slow > 0 && rope.beta_fast >= rope.beta_slow && rope.beta_fast < 1e9)) {
    return fail("{}: beta_slow is {} and beta_fast {}, must be above 0 and in this order (and rope_theta not 1)",
                source, rope.beta_slow, rope.beta_fast);
  }
  if (rope.has_mrope()) {
    const auto& [time, row, col] = rope.mrope_sections;
    if (time < 0 || row < 0 || col < 0 || int64_t{time} + row + col != rotary_dim / 2) {
      return fail(
          "{}: M-RoPE's sections (mrope_section) are [{}, {}, {}], must add up to {}, half of a head's {} rotated "
          "dimensions",
          source, time, row, col, rotary_dim / 2, rotary_dim);
    }
    if (rope.kind == Kind::kLongRope) return fail("{}: M-RoPE with longrope is not supported", source);
  }
  const bool has_original = rope.kind == Kind::kLlama3 || rope.kind == Kind::kYarn || rope.kind == Kind::kLongRope;
  return has_original ? check_original_position(rope, source) : Status();
}

// Checks how each token's experts are chosen.
Status check_router(const MoeConfig& moe, std::string_view source) {
  if (moe.router != MoeRouter::kSigmoid || moe.num_experts == 0) return {};
  if (moe.num_expert_groups < 1 || moe.num_experts % moe.num_expert_groups != 0 ||
      moe.num_experts / moe.num_expert_groups < 2) {
    return fail("{}: {} experts in {} groups (n_group): must be groups of equally many, at least 2", source,
                moe.num_experts, moe.num_expert_groups);
  }
  const int32_t group_size = moe.num_experts / moe.num_expert_groups;
  if (moe.expert_groups_per_token < 1 || moe.expert_groups_per_token > moe.num_expert_groups ||
      int64_t{moe.expert_groups_per_token} * group_size < moe.experts_per_token) {
    return fail("{}: a token's {} experts come from {} groups (topk_group) of {}: must be between 1 and {}, and enough",
                source, moe.experts_per_token, moe.expert_groups_per_token, group_size, moe.num_expert_groups);
  }
  if (!(moe.routed_scale > 0.0F && moe.routed_scale < 1e6F)) {
    return fail("{}: the experts' weights are scaled by {} (routed_scaling_factor), must be above 0", source,
                moe.routed_scale);
  }
  return {};
}

Status check_multipliers(const ModelConfig& config, std::string_view source) {
  struct Multiplier {
    std::string_view name;
    float value;
  };
  for (const Multiplier& one : {Multiplier{"embedding_multiplier", config.embedding_multiplier},
                                Multiplier{"residual_multiplier", config.residual_multiplier},
                                Multiplier{"logits_scaling", config.logits_divisor}}) {
    if (!(one.value > 0.0F && one.value < 1e6F)) {
      return fail("{}: {} is {}, must be above 0 and below 1e6", source, one.name, one.value);
    }
  }
  for (const Multiplier& cap : {Multiplier{"attention's soft cap (attn_logit_softcapping)", config.attention_soft_cap},
                                Multiplier{"the logits' soft cap (final_logit_softcapping)", config.logits_soft_cap}}) {
    if (!(cap.value >= 0.0F && cap.value < 1e6F)) {
      return fail("{}: {} is {}, must be above 0 and below 1e6, or none", source, cap.name, cap.value);
    }
  }
  if (!(config.attention_scale >= 0.0F && config.attention_scale < 1e6F)) {
    return fail("{}: attention's scale (attention_multiplier) is {}, must be above 0 and below 1e6", source,
                config.attention_scale);
  }
  return {};
}

}  // namespace

double longrope_attention_factor(double factor, int64_t original_max_position) {
  if (factor <= 1 || original_max_position < 2) return 1.0;
  return std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original_max_position)));
}

std::string next_token_layers_note(int64_t num_layers) {
  return num_layers == 1 ? "its next-token-prediction layer is not used"
                         : fmt::format("its {} next-token-prediction layers are not used", num_layers);
}

Status check_model_config(const ModelConfig& config, std::string_view source) {
  const int64_t min_experts = config.moe.num_experts > 0 ? 1 : 0;
  const Limit limits[] = {
      {"vocabulary size (vocab_size)", config.vocab_size, 1, int64_t{1} << 24},
      {"hidden size (hidden_size)", config.hidden, 1, int64_t{1} << 20},
      {"number of layers (num_hidden_layers)", config.num_layers, 1, 4096},
      {"number of attention heads (num_attention_heads)", config.num_heads, 1, 4096},
      {"number of key/value heads (num_key_value_heads)", config.num_kv_heads, 1, 4096},
      {"head_dim", config.head_dim, 8, 1024},
      {"intermediate size (intermediate_size)", config.ffn, 1, int64_t{1} << 24},
      {"context (max_position_embeddings)", config.max_position, 1, int64_t{1} << 30},
      {"number of experts (num_experts)", config.moe.num_experts, 0, 65536},
      {"number of experts a token (num_experts_per_tok)", config.moe.experts_per_token, min_experts,
       config.moe.num_experts},
      {"intermediate size of an expert (moe_intermediate_size)", config.moe.expert_ffn, min_experts, int64_t{1} << 24},
      {"intermediate size of the shared expert (shared_expert_intermediate_size)", config.moe.shared_ffn, 0,
       int64_t{1} << 24},
  };
  for (const Limit& limit : limits) {
    if (limit.value < limit.min || limit.value > limit.max) {
      return fail("{}: the {} is {}, must be between {} and {}", source, limit.name, limit.value, limit.min, limit.max);
    }
  }
  constexpr int64_t kMaxExpertsInAll = 1 << 18;  // the number of tensors grows with it
  if (int64_t{config.moe.num_experts} * config.num_layers > kMaxExpertsInAll) {
    return fail("{}: {} experts in each of {} layers are too many", source, config.moe.num_experts, config.num_layers);
  }
  if (config.num_heads % config.num_kv_heads != 0) {
    return fail(
        "{}: {} attention heads (num_attention_heads) are not a multiple of {} key/value heads (num_key_value_heads)",
        source, config.num_heads, config.num_kv_heads);
  }
  if (config.head_dim % 8 != 0) return fail("{}: head_dim is {}, must be a multiple of 8", source, config.head_dim);
  if (!(config.norm_eps > 0.0F && config.norm_eps < 1.0F)) {
    return fail("{}: the norms' epsilon (rms_norm_eps) is {}, must be above 0 and below 1", source, config.norm_eps);
  }
  TRY_STATUS(check_rope(config.rope, config.head_dim, source));
  TRY_STATUS(check_rope(config.local_rope, config.head_dim, source));
  if (!config.local_rope.long_factors.empty()) {
    return fail("{}: the rope of layers with a window is longrope, which is not supported there", source);
  }
  TRY_STATUS(check_router(config.moe, source));
  TRY_STATUS(check_multipliers(config, source));
  CHECK(config.is_moe_layer.size() == static_cast<size_t>(config.num_layers));
  CHECK(config.has_rope.empty() || config.has_rope.size() == config.is_moe_layer.size());
  CHECK(config.has_local_rope.empty() || config.has_local_rope.size() == config.is_moe_layer.size());
  const auto check_token = [&](std::string_view name, TokenId token) -> Status {
    if (token >= 0 && token < config.vocab_size) return {};
    return fail("{}: {} is {}, the vocabulary has {} tokens", source, name, token, config.vocab_size);
  };
  for (const TokenId token : config.eos_token_ids) TRY_STATUS(check_token("eos_token_id", token));
  if (config.bos_token_id) TRY_STATUS(check_token("bos_token_id", *config.bos_token_id));
  if (config.pad_token_id) TRY_STATUS(check_token("pad_token_id", *config.pad_token_id));
  return {};
}

}  // namespace braid
