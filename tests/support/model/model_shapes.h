// Checkpoints from a seed with numbers of heads and feed-forward sizes that many layouts divide: for tests that compare
// a sharded model with the same model on one rank. (tests/fixtures/models compares one rank with transformers.)
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "braid/config/hf_config.h"
#include "braid/model/registry.h"
#include "tests/support/model_fixture.h"

namespace braid::testing {

struct ModelShape {
  std::string name;
  std::string architecture;
  std::string keys;  // of config.json, besides the common ones
};

// Vocabularies that no number of ranks divides; KV heads that ranks split, and KV heads that they replicate.
inline std::vector<ModelShape> model_shapes() {
  return {
      {.name = "qwen3_8_heads",
       .architecture = "Qwen3ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 203,
                  "attention_bias": true)"},
      {.name = "qwen3_8_heads_1_kv_tied",
       .architecture = "Qwen3ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 1, "intermediate_size": 96, "vocab_size": 197,
                  "tie_word_embeddings": true)"},
      {.name = "qwen3_moe_8_heads",
       .architecture = "Qwen3MoeForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 48, "vocab_size": 205,
                  "moe_intermediate_size": 32, "num_experts": 16, "num_experts_per_tok": 3, "norm_topk_prob": true,
                  "mlp_only_layers": [1], "decoder_sparse_step": 1)"},
      {.name = "qwen2_moe_8_heads",
       .architecture = "Qwen2MoeForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 48, "vocab_size": 201,
                  "moe_intermediate_size": 32, "shared_expert_intermediate_size": 72, "num_experts": 12,
                  "num_experts_per_tok": 3, "mlp_only_layers": [0])"},
      {.name = "llama_12_heads",
       .architecture = "LlamaForCausalLM",
       .keys = R"("num_attention_heads": 12, "num_key_value_heads": 3, "intermediate_size": 96, "vocab_size": 199,
                  "attention_bias": true, "mlp_bias": true)"},
      {.name = "olmo2_8_heads",
       .architecture = "Olmo2ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 203,
                  "eos_token_id": null)"},
      {.name = "granite_12_heads",
       .architecture = "GraniteForCausalLM",
       .keys = R"("num_attention_heads": 12, "num_key_value_heads": 3, "intermediate_size": 96, "vocab_size": 199,
                  "attention_multiplier": 0.125, "embedding_multiplier": 3.0, "residual_multiplier": 0.22,
                  "logits_scaling": 0.5, "attention_bias": true)"},
      {.name = "smollm3_8_heads",
       .architecture = "SmolLM3ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 96, "vocab_size": 197,
                  "no_rope_layers": [1, 0, 1], "eos_token_id": null, "bos_token_id": null)"},
      {.name = "phi3_8_heads",
       .architecture = "Phi3ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 203,
                  "partial_rotary_factor": 0.75, "eos_token_id": null)"},
      {.name = "glm4_moe_8_heads",
       .architecture = "Glm4MoeForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 48, "vocab_size": 205,
                  "moe_intermediate_size": 24, "n_shared_experts": 2, "n_routed_experts": 12, "n_group": 3,
                  "topk_group": 2, "num_experts_per_tok": 3, "routed_scaling_factor": 1.5, "use_qk_norm": true,
                  "attention_bias": true)"},
      {.name = "gpt_oss_8_heads",
       .architecture = "GptOssForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 48, "vocab_size": 201,
                  "num_local_experts": 12, "num_experts_per_tok": 3, "sliding_window": 24)"},
      {.name = "gemma2_8_heads",
       .architecture = "Gemma2ForCausalLM",
       .keys = R"("num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 203,
                  "query_pre_attn_scalar": 16, "sliding_window": 20, "attn_logit_softcapping": 4.0,
                  "final_logit_softcapping": 3.0)"},
      {.name = "gemma3_12_heads",
       .architecture = "Gemma3ForCausalLM",
       .keys = R"("num_attention_heads": 12, "num_key_value_heads": 3, "intermediate_size": 96, "vocab_size": 199,
                  "query_pre_attn_scalar": 16, "sliding_window": 20, "sliding_window_pattern": 2,
                  "rope_local_base_freq": 100.0)"},
      {.name = "mixtral_12_heads_1_kv",
       .architecture = "MixtralForCausalLM",
       .keys = R"("num_attention_heads": 12, "num_key_value_heads": 1, "intermediate_size": 48, "vocab_size": 203,
                  "num_local_experts": 12, "num_experts_per_tok": 2)"},
  };
}

inline std::vector<std::string> model_shape_names() {
  std::vector<std::string> names;
  for (const ModelShape& shape : model_shapes()) names.push_back(shape.name);
  return names;
}

inline bool is_model_shape(const std::string& name) {
  const auto names = model_shape_names();
  return std::ranges::find(names, name) != names.end();
}

// As in gpt-oss's directories (weights/stacked_experts.h).
inline std::vector<std::pair<std::string, std::vector<int64_t>>> stacked_experts(const ModelConfig& config) {
  const int64_t count = config.moe.num_experts;
  const int64_t ffn = config.moe.expert_ffn;
  std::vector<std::pair<std::string, std::vector<int64_t>>> tensors;
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string experts = fmt::format("model.layers.{}.mlp.experts.", layer);
    tensors.push_back({experts + "gate_up_proj", {count, config.hidden, 2 * ffn}});
    tensors.push_back({experts + "gate_up_proj_bias", {count, 2 * ffn}});
    tensors.push_back({experts + "down_proj", {count, ffn, config.hidden}});
    tensors.push_back({experts + "down_proj_bias", {count, config.hidden}});
  }
  return tensors;
}

// Writes config.json into `folder` and returns the rest of the checkpoint: float32 tensors, and prompts without
// expected logits.
inline ModelFixture make_model_shape(const std::string& name, const std::filesystem::path& folder) {
  const std::vector<ModelShape> shapes = model_shapes();
  const auto shape = std::ranges::find(shapes, name, &ModelShape::name);
  CHECK(shape != shapes.end(), "{}", name);
  const std::string text = fmt::format(
      R"({{"architectures": ["{}"], "hidden_act": "silu", "hidden_size": 64, "head_dim": 16, "num_hidden_layers": 3,
          "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "dtype": "float32", {}}})",
      shape->architecture, shape->keys);
  std::ofstream(folder / "config.json") << text;
  const auto config = read_hf_config(Json::parse(text));
  CHECK(config.ok(), "{}", config.error().message);

  ModelFixture fixture;
  fixture.name = name;
  fixture.folder = folder;
  fixture.seed = 11;
  fixture.vocab = config->vocab_size;
  const auto add = [&](const std::string& tensor, const std::vector<int64_t>& dims) {
    const bool is_norm = tensor.ends_with("norm.weight");
    const bool is_vector = dims.size() == 1;
    fixture.tensors.push_back({.name = tensor,
                               .shape = dims,
                               .dtype = DType::kFloat32,
                               .scale = is_vector ? 0.1F : 1.5F / std::sqrt(static_cast<float>(dims.back())),
                               .offset = is_norm ? 1.0F : 0.0F,
                               .seeded_as = tensor});
  };
  const bool has_stacked_experts = shape->architecture == "GptOssForCausalLM";
  if (has_stacked_experts) {
    for (const auto& [tensor, dims] : stacked_experts(*config)) add(tensor, dims);
  }
  for (const WeightSpec& spec : find_family(shape->architecture)->weights(*config)) {
    if (!is_expert(spec.shard)) {
      add(spec.name, spec.shape);
      continue;
    }
    if (has_stacked_experts) continue;
    for (int32_t expert = 0; expert < config->moe.num_experts; ++expert) {
      std::string tensor = spec.name;
      const std::string_view placeholder = "{expert}";
      tensor.replace(tensor.find(placeholder), placeholder.size(), std::to_string(expert));
      add(tensor, spec.shape);
    }
  }
  std::mt19937 random(3);
  for (const size_t length : {1, 7, 23, 70, 100}) {
    FixturePrompt& prompt = fixture.prompts.emplace_back();
    for (size_t i = 0; i < length; ++i) {
      prompt.ids.push_back(static_cast<TokenId>(random() % static_cast<uint64_t>(fixture.vocab)));
      if (i % 4 == 0 || i + 1 == length) prompt.rows.push_back(static_cast<int32_t>(i));
    }
  }
  return fixture;
}

}  // namespace braid::testing
