// The invariants of every configuration that was read without an error, from any source.
#pragma once

#include <algorithm>
#include <cmath>

#include "braid/base/check.h"
#include "braid/config/model_config.h"

namespace braid::testing {

inline void check_rope_invariants(const RopeConfig& rope, int32_t rotary_dim) {
  for (const std::vector<float>* const factors : {&rope.frequency_factors, &rope.long_factors}) {
    CHECK(factors->empty() || factors->size() == static_cast<size_t>(rotary_dim / 2));
    for (const float factor : *factors) CHECK(std::isfinite(1.0F / factor) && factor > 0, "{}", factor);
  }
  CHECK(std::isfinite(static_cast<float>(1.0 / rope.factor)) && rope.factor > 0, "{}", rope.factor);
  CHECK(std::isfinite(static_cast<float>(1.0 / rope.theta)) && rope.theta > 0, "{}", rope.theta);
  CHECK(std::isfinite(static_cast<float>(rope.attention_factor)) && rope.attention_factor > 0);
}

inline void check_quantization_invariants(const QuantizationConfig& config) {
  CHECK(!config.method.empty() || config.schemes.empty());
  for (const QuantizationScheme& scheme : config.schemes) {
    CHECK(scheme.bits == 4 || scheme.bits == 8, "{} bits", scheme.bits);
    CHECK(scheme.zero_bias == 0 || scheme.zero_bias == 1);
    CHECK(scheme.group_inputs == QuantizationScheme::kWhole ||
              (scheme.group_inputs >= 32 && scheme.group_inputs % 32 == 0 && scheme.group_inputs <= 1 << 20),
          "{}", scheme.group_inputs);
    CHECK(scheme.group_outputs == QuantizationScheme::kWhole ||
              (scheme.group_outputs >= 1 && scheme.group_outputs <= 1 << 20),
          "{}", scheme.group_outputs);
    CHECK(!scheme.text.empty());
  }
}

inline void check_invariants(const ModelConfig& config) {
  check_quantization_invariants(config.quantization);
  CHECK(check_model_config(config, "again").ok());
  const auto num_layers = static_cast<size_t>(config.num_layers);
  CHECK(config.num_layers >= 1 && config.num_heads % config.num_kv_heads == 0);
  CHECK(config.is_moe_layer.size() == num_layers);
  CHECK(config.has_rope.empty() || config.has_rope.size() == num_layers);
  CHECK(config.has_local_rope.empty() || config.has_local_rope.size() == num_layers);
  if (std::ranges::find(config.is_moe_layer, true) != config.is_moe_layer.end()) {
    CHECK(config.moe.num_experts >= config.moe.experts_per_token && config.moe.experts_per_token >= 1);
  }
  const std::vector<int32_t>& windows = config.layer_windows;
  CHECK(windows.empty() || windows.size() == num_layers);
  for (const int32_t window : windows) CHECK(window >= 0 && window < config.max_position, "{}", window);
  CHECK(windows.empty() || *std::ranges::max_element(windows) > 0, "windows that no layer has");
  CHECK(config.rotary_dim() >= 2 && config.rotary_dim() % 2 == 0 && config.rotary_dim() <= config.head_dim);
  check_rope_invariants(config.rope, config.rotary_dim());
  check_rope_invariants(config.local_rope, config.rotary_dim());
}

}  // namespace braid::testing
