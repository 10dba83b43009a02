#include <array>

#include "braid/config/hf_class.h"
#include "braid/config/hf_config.h"
#include "braid/config/hf_own_keys.h"

namespace braid {
namespace {

constexpr std::array<HfClass, 12> kClasses = {{
    {.architecture = "Qwen3ForCausalLM",
     .model_type = "qwen3",
     .vocab_size = 151936,
     .hidden = 4096,
     .ffn = 22016,
     .num_layers = 32,
     .num_kv_heads = 32,
     .head_dim = 128,
     .attention_bias = HfAttentionBias::kByKey,
     .window_layers = WindowLayers::kUpper,
     .has_window_switch = true,
     .window = 4096},
    {.architecture = "Qwen2ForCausalLM",
     .model_type = "qwen2",
     .vocab_size = 151936,
     .hidden = 4096,
     .ffn = 22016,
     .num_layers = 32,
     .num_kv_heads = 32,
     .attention_bias = HfAttentionBias::kQkv,
     .window_layers = WindowLayers::kUpper,
     .has_window_switch = true,
     .window = 4096},
    {.architecture = "LlamaForCausalLM",
     .model_type = "llama",
     .vocab_size = 32000,
     .hidden = 4096,
     .ffn = 11008,
     .num_layers = 32,
     .max_position = 2048,
     .bos_token = 1,
     .eos_token = 2,
     .attention_bias = HfAttentionBias::kByKey,
     .has_mlp_bias = true},
    {.architecture = "MistralForCausalLM",
     .model_type = "mistral",
     .vocab_size = 32000,
     .hidden = 4096,
     .ffn = 14336,
     .num_layers = 32,
     .num_kv_heads = 8,
     .max_position = 131072,
     .bos_token = 1,
     .eos_token = 2,
     .window_layers = WindowLayers::kAll,
     .window = 4096},
    {.architecture = "Qwen3MoeForCausalLM",
     .model_type = "qwen3_moe",
     .vocab_size = 151936,
     .hidden = 2048,
     .ffn = 6144,
     .num_layers = 24,
     .num_kv_heads = 4,
     .attention_bias = HfAttentionBias::kByKey,
     .window_layers = WindowLayers::kAll,
     .has_window_switch = true,
     .window = 4096,
     .moe = {.num_experts = 128, .experts_per_token = 8, .expert_ffn = 768, .normalize_top_k = false},
     .read_own = read_qwen_moe_keys},
    {.architecture = "Qwen2MoeForCausalLM",
     .model_type = "qwen2_moe",
     .vocab_size = 151936,
     .hidden = 2048,
     .ffn = 5632,
     .num_layers = 24,
     .num_heads = 16,
     .num_kv_heads = 16,
     .attention_bias = HfAttentionBias::kQkvByQkvKey,
     .window_layers = WindowLayers::kEvenLower,
     .has_window_switch = true,
     .window = 4096,
     .moe =
         {.num_experts = 60, .experts_per_token = 4, .expert_ffn = 1408, .shared_ffn = 5632, .normalize_top_k = false},
     .read_own = read_qwen_moe_keys},
    {.architecture = "MixtralForCausalLM",
     .model_type = "mixtral",
     .vocab_size = 32000,
     .hidden = 4096,
     .ffn = 14336,
     .num_layers = 32,
     .num_kv_heads = 8,
     .max_position = 131072,
     .norm_eps = 1e-5,
     .rope_theta = 1e6,
     .bos_token = 1,
     .eos_token = 2,
     .window_layers = WindowLayers::kAll,
     .moe = {.num_experts = 8, .experts_per_token = 2},
     .read_own = read_mixtral_keys},
    {.architecture = "Olmo2ForCausalLM",
     .model_type = "olmo2",
     .vocab_size = 50304,
     .hidden = 4096,
     .ffn = 11008,
     .num_layers = 32,
     .max_position = 2048,
     .norm_eps = 1e-5,
     .eos_token = 50279,
     .attention_bias = HfAttentionBias::kByKey},
    {.architecture = "GraniteForCausalLM",
     .model_type = "granite",
     .vocab_size = 32000,
     .hidden = 4096,
     .ffn = 11008,
     .num_layers = 32,
     .max_position = 2048,
     .bos_token = 1,
     .eos_token = 2,
     .attention_bias = HfAttentionBias::kByKey,
     .has_mlp_bias = true,
     .read_own = read_granite_keys},
    {.architecture = "SmolLM3ForCausalLM",
     .model_type = "smollm3",
     .vocab_size = 128256,
     .hidden = 2048,
     .ffn = 11008,
     .num_layers = 36,
     .num_heads = 16,
     .num_kv_heads = 4,
     .rope_theta = 2e6,
     .bos_token = 128000,
     .eos_token = 128001,
     .attention_bias = HfAttentionBias::kByKey,
     .ties_embeddings = true,
     .has_mlp_bias = true,
     .window_layers = WindowLayers::kWithoutRope,
     .has_window_switch = true,
     .read_own = read_smollm3_keys},
    {.architecture = "Phi3ForCausalLM",
     .model_type = "phi3",
     .vocab_size = 32064,
     .hidden = 3072,
     .ffn = 8192,
     .num_layers = 32,
     .max_position = 4096,
     .norm_eps = 1e-5,
     .partial_rotary = 1.0,
     .original_max_position = 4096,
     .bos_token = 1,
     .eos_token = 32000,
     .window_layers = WindowLayers::kAll},
    {.architecture = "Glm4MoeForCausalLM",
     .model_type = "glm4_moe",
     .vocab_size = 151552,
     .hidden = 4096,
     .ffn = 10944,
     .num_layers = 46,
     .num_heads = 96,
     .num_kv_heads = 8,
     .max_position = 131072,
     .norm_eps = 1e-5,
     .partial_rotary = 0.5,
     .attention_bias = HfAttentionBias::kQkvByKey,
     .moe = {.num_experts = 128, .experts_per_token = 8, .expert_ffn = 1408, .router = MoeRouter::kSigmoid},
     .read_own = read_glm4_moe_keys},
}};

}  // namespace

Result<const HfClass*> find_hf_class(const JsonObject& json) {
  TRY(const auto architectures, json.find_strings("architectures"));
  std::string named;
  if (architectures && !architectures->empty()) {
    for (const std::string& name : *architectures) {
      for (const HfClass& candidate : kClasses) {
        if (candidate.architecture == name) return &candidate;
      }
    }
    named = architectures->front();
  } else {
    TRY(const auto model_type, json.find_string("model_type"));
    if (!model_type) return fail("{}: neither \"architectures\" nor \"model_type\" is there", json.name());
    for (const HfClass& candidate : kClasses) {
      if (candidate.model_type == *model_type) return &candidate;
    }
    named = *model_type;
  }
  return fail("{}: the architecture \"{}\" is not supported, these are: {}", json.name(), named.substr(0, 80),
              fmt::join(known_architectures(), ", "));
}

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const HfClass& candidate : kClasses) names.emplace_back(candidate.architecture);
  return names;
}

}  // namespace braid
