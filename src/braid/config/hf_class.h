// What transformers' configuration class of each architecture takes where config.json says nothing, and which keys it
// reads (checked against transformers 5.23).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/config/layer_windows.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// Which projections have a bias, and by which key.
enum class HfAttentionBias : uint8_t {
  kNone,
  kByKey,         // "attention_bias": q, k, v and o
  kByKeyElseAll,  // the same, true by default
  kQkvByKey,      // "attention_bias": q, k and v
  kQkv,           // q, k and v, always
  kQkvByQkvKey,   // "qkv_bias", true by default: q, k and v
};

struct HfClass {
  std::string_view architecture;
  std::string_view model_type;
  int64_t vocab_size = 0;
  int32_t hidden = 0;
  int32_t ffn = 0;
  int32_t num_layers = 0;
  int32_t num_heads = 32;
  int32_t num_kv_heads = 0;  // 0: num_heads
  int32_t head_dim = 0;      // 0: hidden / num_heads
  int64_t max_position = 32768;
  double norm_eps = 1e-6;
  double rope_theta = 1e4;
  double local_rope_theta = 0;  // rope_local_base_freq, of the layers with a window; 0: they have the others' rope
  double partial_rotary = 0;    // partial_rotary_factor; 0: the class has none
  int64_t original_max_position = 0;  // original_max_position_embeddings; 0: the class has none
  int32_t bos_token = -1;             // -1: none
  int32_t eos_token = -1;
  HfAttentionBias attention_bias = HfAttentionBias::kNone;
  bool ties_embeddings = false;
  bool has_mlp_bias = false;            // the class reads mlp_bias
  std::string_view quant_method = {};   // that its checkpoints may have in quantization_config; empty: none
  std::string_view absent_rope = "{}";  // rope_parameters, where neither they nor rope_scaling are there
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
  bool has_text_config = false;  // of a model that sees too: the text part's keys are in "text_config"
  WindowLayers window_layers = WindowLayers::kNone;
  bool has_window_switch = false;  // the class reads use_sliding_window
  int64_t window = 0;              // sliding_window, where it is absent; 0: none
  MoeConfig moe = {};              // no experts: a dense class
  // Reads the keys that the class alone has; null: there are none. `config` has sizes, and `moe` as above.
  Status (*read_own)(const JsonObject& json, ModelConfig& config) = nullptr;
};

// By "architectures", else by "model_type".
Result<const HfClass*> find_hf_class(const JsonObject& json);

// A key that is absent leaves `value` as it is.
Status read_int32(const JsonObject& json, std::string_view key, int32_t& value);
Status read_float(const JsonObject& json, std::string_view key, float& value);
Status read_bool(const JsonObject& json, std::string_view key, bool& value);

}  // namespace braid
