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

// What divides the frequencies of a rotary embedding lies between these: then no position's angle is infinite.
inline constexpr double kMinRopeFactor = 1e-6;
inline constexpr double kMaxRopeFactor = 1e9;

// Rotary embedding. Kinds as transformers' rope_scaling / rope_parameters name them ("dynamic" is kDefault: no request
// is longer than the context, beyond which alone it differs).
struct RopeConfig {
  enum class Kind : uint8_t { kDefault, kLinear, kLlama3, kYarn, kLongRope };
  Kind kind = Kind::kDefault;
  double theta = 10000.0;
  int32_t rotary_dim = 0;                // the first ones of each head's dimensions; 0: all of them
  double factor = 1.0;                   // kLinear, kLlama3, kYarn
  double low_freq_factor = 1.0;          // kLlama3
  double high_freq_factor = 4.0;         // kLlama3
  int64_t original_max_position = 8192;  // kLlama3, kYarn, kLongRope
  double beta_fast = 32.0;               // kYarn: turns over the original context, from which on nothing is stretched
  double beta_slow = 1.0;                // kYarn: turns up to which all is
  bool truncates_range = true;           // kYarn: between whole dimensions
  double attention_factor = 1.0;         // of cosines and sines
  // [rotary_dim / 2], each frequency is divided by its own: GGUF's rope_freqs.weight, kLongRope's short factors; empty:
  // none.
  std::vector<float> frequency_factors;
  std::vector<float> long_factors;  // kLongRope: the same for requests of more than original_max_position tokens
};

enum class MoeRouter : uint8_t {
  kSoftmax,  // weights are the softmax over all experts
  kSigmoid,  // each expert's sigmoid; chosen by it and a correction, within the best groups (DeepSeek-V3's noaux_tc)
};

struct MoeConfig {
  int32_t num_experts = 0;  // 0: every layer is dense
  int32_t experts_per_token = 0;
  int32_t expert_ffn = 0;       // intermediate size of one expert
  int32_t shared_ffn = 0;       // of the expert that every token goes through; 0: there is none
  bool normalize_top_k = true;  // weights of the chosen experts sum to 1
  MoeRouter router = MoeRouter::kSoftmax;
  int32_t num_expert_groups = 1;        // kSigmoid: of equally many experts, one behind the other
  int32_t expert_groups_per_token = 1;  // kSigmoid: that a token's experts are in
  float routed_scale = 1.0F;            // kSigmoid: of the weights, last
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
  bool qkv_bias = false;     // on the q, k and v projections
  bool output_bias = false;  // on attention's output projection
  bool mlp_bias = false;
  bool has_qk_norm = false;   // where a family has it by choice
  float attention_scale = 0;  // of q·k; 0: 1 / sqrt(head_dim)
  float embedding_multiplier = 1.0F;
  float residual_multiplier = 1.0F;  // of what each block adds
  float logits_divisor = 1.0F;
  bool rounds_embedding_multiplier = false;  // to the dtype that the model computes in
  float attention_soft_cap = 0;              // AttentionParams::soft_cap
  float logits_soft_cap = 0;                 // of the logits, as Ops::soft_cap has it; 0: none
  float norm_offset = 0;                     // of every norm's weight: 1 where its distance from 1 is stored
  RopeConfig rope;
  RopeConfig local_rope;  // of the layers of has_local_rope
  MoeConfig moe;
  std::vector<bool> is_moe_layer;         // [num_layers]
  std::vector<int32_t> layer_windows;     // [num_layers], or empty: none has one; 0: the layer sees all before it
  std::vector<bool> has_rope;             // [num_layers]; empty: every layer has
  std::vector<bool> has_local_rope;       // [num_layers]; empty: no layer has
  bool is_text_tower = false;             // of a model that sees too (weights/text_tower.h)
  std::optional<DType> checkpoint_dtype;  // what `--dtype auto` goes by; absent: the stored tensors decide

  std::vector<TokenId> eos_token_ids;
  std::optional<TokenId> bos_token_id;
  std::optional<TokenId> pad_token_id;

  std::vector<std::string> notes;  // what of the checkpoint is not used: a line each, for the log and `inspect`

  int32_t rotary_dim() const { return rope.rotary_dim > 0 ? rope.rotary_dim : head_dim; }
  bool uses_local_rope(int32_t layer) const {
    return !has_local_rope.empty() && has_local_rope[static_cast<size_t>(layer)];
  }
  // A request of more tokens has longrope's long factors, at all its positions; 0: there are none.
  int32_t long_rope_from() const {
    return rope.long_factors.empty() ? 0 : static_cast<int32_t>(rope.original_max_position);
  }
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

// What longrope multiplies cosines and sines by, where no key says it (Ding et al., arXiv 2402.13753).
double longrope_attention_factor(double factor, int64_t original_max_position);

// "its next-token-prediction layer … is not used"
std::string next_token_layers_note(int64_t num_layers);

// Whether the numbers make sense together and lie within what braid can run: heads a multiple of KV heads, head_dim a
// multiple of 8, … `source` ("config.json") begins the error. Both readers end with it.
Status check_model_config(const ModelConfig& config, std::string_view source);

}  // namespace braid
