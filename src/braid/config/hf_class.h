// The defaults of transformers' configuration class for each architecture, and which keys it reads (checked against
// transformers 5.23). Tested by hf_classes_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/config/layer_windows.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// Which projections have a bias, and the key that says so.
enum class HfAttentionBias : uint8_t {
  kNone,
  kByKey,         // "attention_bias": q, k, v and o
  kByKeyElseAll,  // "attention_bias", true by default: q, k, v and o
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
  double local_rope_theta = 0;  // rope_local_base_freq, for layers with a window; 0: they use the rope of the others
  double partial_rotary = 0;    // partial_rotary_factor; 0: no such key
  int64_t original_max_position = 0;           // original_max_position_embeddings; 0: no such key
  std::array<int32_t, 3> mrope_sections = {};  // mrope_section; all 0: no M-RoPE
  bool interleaves_mrope = false;
  int32_t bos_token = -1;  // -1: none
  int32_t eos_token = -1;
  HfAttentionBias attention_bias = HfAttentionBias::kNone;
  bool ties_embeddings = false;
  bool has_mlp_bias = false;            // the class reads mlp_bias
  std::string_view quant_method = {};   // allowed in quantization_config; empty: none
  std::string_view absent_rope = "{}";  // rope_parameters if neither they nor rope_scaling are present
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
  bool has_text_config = false;       // a vision-language class: the keys of the text tower are in "text_config"
  bool has_flat_text_config = false;  // or, without "text_config", beside those of the whole checkpoint
  bool sees_whole_images = false;     // ModelConfig::sees_whole_images
  bool text_config_ties = false;      // tie_word_embeddings counts in "text_config", too
  WindowLayers window_layers = WindowLayers::kNone;
  bool has_window_switch = false;  // the class reads use_sliding_window
  int64_t window = 0;              // sliding_window if absent; 0: none
  int64_t max_window_layers = 28;
  MoeConfig moe = {};  // no experts: a dense class
  // Reads the keys that only this class has; null: none. `config` has its sizes already, and `moe` as above.
  Status (*read_own)(const JsonObject& json, ModelConfig& config) = nullptr;
};

// Looks for "architectures", else for "model_type".
Result<const HfClass*> find_hf_class(const JsonObject& json);

// An absent key leaves `value` unchanged.
Status read_int32(const JsonObject& json, std::string_view key, int32_t& value);
Status read_float(const JsonObject& json, std::string_view key, float& value);
Status read_bool(const JsonObject& json, std::string_view key, bool& value);
// A token id, or a list of them (eos_token_id); empty if the key is absent.
Result<std::vector<TokenId>> read_token_ids(const JsonObject& json, std::string_view key);

}  // namespace braid
