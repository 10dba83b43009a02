// A model's architecture as plain data, read from Hugging Face's config.json or from a GGUF file's metadata.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"
#include "braid/tensor/dtype.h"

namespace braid {

// Larger values of what becomes an int32_t are refused.
inline constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();

// Rotary embedding. Kinds as transformers' rope_scaling / rope_parameters name them.
struct RopeConfig {
  enum class Kind : uint8_t { kDefault, kLinear, kLlama3 };
  Kind kind = Kind::kDefault;
  double theta = 10000.0;
  double factor = 1.0;                   // kLinear, kLlama3
  double low_freq_factor = 1.0;          // kLlama3
  double high_freq_factor = 4.0;         // kLlama3
  int64_t original_max_position = 8192;  // kLlama3
  std::vector<float> frequency_factors;  // GGUF's rope_freqs.weight [head_dim / 2]; empty: none
};

struct MoeConfig {
  int32_t num_experts = 0;  // 0: every layer is dense
  int32_t experts_per_token = 0;
  int32_t expert_ffn = 0;       // intermediate size of one expert
  bool normalize_top_k = true;  // weights of the chosen experts sum to 1
};

struct ModelConfig {
  std::string architecture;  // "Qwen3ForCausalLM", …: the key of model/registry.cc
  int64_t vocab_size = 0;
  int32_t hidden = 0;
  int32_t num_layers = 0;
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  int32_t ffn = 0;           // intermediate size of a dense layer
  int64_t max_position = 0;  // the context the checkpoint is made for
  float norm_eps = 1e-6F;
  bool tie_embeddings = false;
  bool attention_bias = false;  // on q, k, v and o projections
  bool mlp_bias = false;
  RopeConfig rope;
  MoeConfig moe;
  std::vector<bool> is_moe_layer;         // [num_layers]
  std::vector<int32_t> layer_windows;     // [num_layers], or empty: none has one; 0: the layer sees all before it
  std::optional<DType> checkpoint_dtype;  // what `--dtype auto` goes by; absent: the stored tensors decide

  std::vector<TokenId> eos_token_ids;
  std::optional<TokenId> bos_token_id;
  std::optional<TokenId> pad_token_id;
};

// generation_config.json's sampling defaults; absent: the engine's own.
struct GenerationDefaults {
  std::vector<TokenId> eos_token_ids;  // empty: config.json's
  std::optional<float> temperature;    // do_sample false gives 0
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
};

// Whether the numbers make sense together and lie within what braid can run: heads a multiple of KV heads, head_dim a
// multiple of 8, … `source` ("config.json") begins the error. Both readers end with it.
Status check_model_config(const ModelConfig& config, std::string_view source);

}  // namespace braid
